import type { ImportanceCollector } from "../quantize/imatrix.ts";
import type { Backend, Executable } from "../tensor/backend.ts";
import { slotsOf } from "../tensor/graph.ts";
import { collectImportance, importanceTaps } from "./importance.ts";

/**
 * A backend on which whatever runs is measured: the input of every linear map of a checkpoint's weight goes into the matrix
 * under `nameOf(weight)`. Executables keep all those inputs until they end, so steps should be small.
 */
export function tappingBackend(
  backend: Backend,
  collector: ImportanceCollector,
  nameOf: (weight: string, shape: readonly number[]) => string | undefined,
): Backend {
  return {
    info: backend.info,
    get residentBytes() {
      return backend.residentBytes;
    },
    upload: (source, options) => backend.upload(source, options),
    createState: (graph, name) => backend.createState(graph, name),
    lower: (graph, options): Executable => {
      const tapped = importanceTaps(graph);
      const names = new Map(
        Object.entries(graph.weights).map(([weight, id]) => {
          const shape = graph.values[id].dims.map(({ capacity }) => capacity);
          return [weight, nameOf(weight, shape)];
        }),
      );
      const inner = backend.lower(tapped.graph, { ...options, taps: [...(options.taps ?? []), ...tapped.taps] });
      return {
        label: inner.label,
        workspaceBytes: inner.workspaceBytes,
        run: async (bindings) => {
          const result = await inner.run(bindings);
          const extents = { ...slotsOf(graph), ...bindings.extents };
          collectImportance(collector, tapped, { result, extents, nameOf: (weight) => names.get(weight) });
          return result;
        },
        [Symbol.dispose]: () => inner[Symbol.dispose](),
      };
    },
    [Symbol.dispose]: () => backend[Symbol.dispose](),
  };
}
