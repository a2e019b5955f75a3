import { present } from "../base/invariant.ts";
import type { ImportanceCollector } from "../quantize/imatrix.ts";
import type { RunResult } from "../tensor/backend.ts";
import type { Extents } from "../tensor/dim.ts";
import { extentsOf } from "../tensor/dim.ts";
import type { Graph, ValueId } from "../tensor/graph.ts";

const PREFIX = "importance.";

/** A graph whose linear maps' inputs are taps, and which weights read each of them. */
export interface ImportanceTaps {
  readonly graph: Graph;
  /** Give these to `lower`. */
  readonly taps: readonly string[];
  readonly readers: ReadonlyMap<string, readonly string[]>;
}

/** Taps the input of every linear map of a checkpoint's weight; maps that share an input share its tap. */
export function importanceTaps(graph: Graph): ImportanceTaps {
  const readersOf = new Map<ValueId, string[]>();
  for (const { op, inputs } of graph.nodes) {
    // x @ W of safetensors is W·x in a GGUF file: what it reads is the same
    if (op !== "linear" && op !== "transposedLinear") continue;
    const { kind, name } = graph.values[inputs[1]];
    if (kind !== "weight" || name === undefined) continue;
    readersOf.set(inputs[0], [...(readersOf.get(inputs[0]) ?? []), name]);
  }
  const readers = new Map([...readersOf].map(([id, names]) => [PREFIX + id, names]));
  const taps = Object.fromEntries([...readersOf.keys()].map((id) => [PREFIX + id, id]));
  return { graph: { ...graph, taps: { ...graph.taps, ...taps } }, taps: Object.keys(taps), readers };
}

/** Adds what one replay of the tapped graph read to the matrix, weight by weight under `nameOf(weight)`; weights without a name are left out. */
export function collectImportance(
  collector: ImportanceCollector,
  { graph, readers }: ImportanceTaps,
  {
    result,
    extents,
    nameOf = (name) => name,
  }: { readonly result: RunResult; readonly extents: Extents; readonly nameOf?: (name: string) => string | undefined },
): void {
  for (const [tap, names] of readers) {
    const shape = extentsOf(graph.values[graph.taps[tap]].dims, extents);
    const rows = Float32Array.from(present(result[tap], `tap ${tap}`));
    for (const weight of names) {
      const name = nameOf(weight);
      if (name !== undefined) collector.add(name, rows, shape[shape.length - 1]);
    }
  }
}
