import type { OpDefinition, ReferenceArray } from "../../../tensor/definition.ts";
import { DEFINITIONS } from "../../../tensor/definitions.ts";
import { capacityOf, extentsOf } from "../../../tensor/dim.ts";
import type { Node } from "../../../tensor/graph.ts";
import { memoryViews, readValue, writeValue } from "../array-io.ts";
import type { Place } from "../place.ts";
import type { WasmState } from "../wasm-state.ts";
import type { LoweringContext } from "./context.ts";

/**
 * Runs an op by its float64 definition between kernels: for ops of the backward pass, which are rare on this backend.
 * Correct and slow; the planner's op trace shows where it happens.
 */
export function lowerOnHost(c: LoweringContext, node: Node): void {
  const definition: OpDefinition = DEFINITIONS[node.op];
  const states = node.inputs.map((id) => stateOf(c, id));
  const inputs = node.inputs.map((id, i) => {
    const state = states[i];
    return state === undefined ? c.place(id) : wholeState(c, id, state);
  });
  const owned = states.filter((state) => state !== undefined);
  const outputs = node.outputs.map((id, i) => {
    // a recurrent op's later outputs are its states, in order
    const state = i > 0 ? owned[i - 1] : undefined;
    if (state === undefined) return c.output(node, i);
    c.donate(node, i, state);
    return wholeState(c, id, state);
  });
  const { memory } = c;
  c.host(
    (extents) => {
      const { floats, integers } = memoryViews(memory);
      const arenas = c.arenas();
      const arrays = node.inputs.map((id, i): ReferenceArray => {
        const { dims, dtype } = c.value(id);
        const access = { place: inputs[i], dims, extents, arenas };
        const data = readValue(access, dtype === "i32" ? integers : floats, (n) => new Float64Array(n));
        return { extents: extentsOf(dims, extents), data };
      });
      const shapes = node.outputs.map((id) => extentsOf(c.value(id).dims, extents));
      const results = definition.reference({ inputs: arrays, attributes: node.attributes, outputs: shapes });
      for (const [i, id] of node.outputs.entries()) {
        const { dims, dtype } = c.value(id);
        const access = { place: outputs[i], dims, extents, arenas };
        writeValue(access, dtype === "i32" ? integers : floats, results[i]);
      }
    },
    inputs,
    outputs,
  );
}

function stateOf(c: LoweringContext, id: number): WasmState | undefined {
  return c.hasState(id) ? c.state(id) : undefined;
}

/** A state seen as one dense run: its entries are read and written whole, in the order of their dims. */
function wholeState(c: LoweringContext, id: number, { buffer }: WasmState): Place {
  const width = capacityOf(c.value(id).dims);
  return { buffer, offsetBytes: 0, rowStride: 0, headStride: 0, rows: undefined, headCount: 1, width };
}
