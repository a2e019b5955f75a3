import { present } from "../base/invariant.ts";
import type { OpDefinition, ReferenceArray } from "./definition.ts";
import { sizeOf } from "./definition.ts";
import { DEFINITIONS } from "./definitions.ts";
import { type Extents, extentsOf } from "./dim.ts";
import { BindingError } from "./errors.ts";
import type { Graph, Value, ValueId } from "./graph.ts";

/** What the oracle needs for one replay. Arrays hold exactly the elements in use, row-major. */
export interface OracleBindings {
  readonly extents?: Extents;
  readonly inputs?: Readonly<Record<string, ArrayLike<number>>>;
  readonly weights?: Readonly<Record<string, ArrayLike<number>>>;
  /** Kept by the caller and replaced in place after the replay; absent ones start at zero. */
  readonly states?: Record<string, Float64Array>;
}

/** Outputs and taps of one replay by name. */
export interface OracleResult {
  readonly outputs: Readonly<Record<string, ReferenceArray>>;
  readonly taps: Readonly<Record<string, ReferenceArray>>;
}

/** Interprets a graph in float64, op by op. Slow and plain: every backend's kernels are held against it. */
export function interpret(graph: Graph, bindings: OracleBindings): OracleResult {
  const extents = bindings.extents ?? {};
  const arrays: (ReferenceArray | undefined)[] = new Array(graph.values.length);
  bindLeaves(graph, bindings, arrays);
  const lookUp = (id: ValueId): ReferenceArray => present(arrays[id], `value ${id}`);
  for (const node of graph.nodes) {
    const definition: OpDefinition = DEFINITIONS[node.op];
    const shapes = node.outputs.map((id) => extentsOf(graph.values[id].dims, extents));
    const results = definition.reference({
      inputs: node.inputs.map(lookUp),
      attributes: node.attributes,
      outputs: shapes,
    });
    for (const [i, id] of node.outputs.entries()) arrays[id] = { extents: shapes[i], data: results[i] };
  }
  for (const [name, { to }] of Object.entries(graph.states)) {
    if (bindings.states !== undefined) bindings.states[name] = lookUp(to).data;
  }
  const collect = (names: Readonly<Record<string, ValueId>>): Record<string, ReferenceArray> =>
    Object.fromEntries(Object.entries(names).map(([name, id]) => [name, lookUp(id)]));
  return { outputs: collect(graph.outputs), taps: collect(graph.taps) };
}

function bindLeaves(graph: Graph, bindings: OracleBindings, arrays: (ReferenceArray | undefined)[]): void {
  const extents = bindings.extents ?? {};
  for (const value of graph.values) {
    if (value.kind === "temp") continue;
    const name = present(value.name, "the name of a leaf");
    const shape = extentsOf(value.dims, extents);
    const given =
      givenData(value, name, bindings) ?? (value.kind === "state" ? new Float64Array(sizeOf(shape)) : undefined);
    if (given === undefined) throw new BindingError(`${value.kind} "${name}" was not given`);
    if (given.length !== sizeOf(shape)) {
      throw new BindingError(`${value.kind} "${name}" has ${given.length} elements instead of ${sizeOf(shape)}`);
    }
    arrays[value.id] = { extents: shape, data: Float64Array.from(given) };
  }
}

function givenData(value: Value, name: string, bindings: OracleBindings): ArrayLike<number> | undefined {
  switch (value.kind) {
    case "weight":
      return bindings.weights?.[name];
    case "input":
      return bindings.inputs?.[name];
    case "state":
      return bindings.states?.[name];
    case "temp":
      return undefined;
  }
}
