import { ArgumentError } from "../base/errors.ts";
import { seededRandom } from "../base/random.ts";
import { dim } from "../tensor/dim.ts";
import type { Graph, Value } from "../tensor/graph.ts";
import type { Recording } from "../tensor/recorder.ts";
import type { AnyTensor } from "../tensor/tensor.ts";
import type { PackInputs } from "./trainer.ts";

const TABLE = "dropout.table.";
const ROWS = "dropout.rows.";

/**
 * The input of an adapter with elements dropped, as PEFT's `lora_dropout` does: x ⊙ mask. A mask for every adapter would be as
 * large as all activations together, so adapters of one width share a table of random rows, of which each takes its own
 * permutation: within an adapter every element is dropped by itself.
 */
export function droppedInput({ ops, emit }: Recording, module: string, x: AnyTensor): AnyTensor {
  const [rows, width] = x.dims;
  if (x.dims.length !== 2)
    throw new ArgumentError(`The input of ${module} has ${x.dims.length} dimensions.`, "Set dropout to 0 for it.");
  const table = ops.input(
    `${TABLE}${rows.capacity}x${width.axis}${width.capacity}`,
    "f32",
    dim("V", rows.capacity),
    width,
  );
  const ids = ops.input(ROWS + module, "i32", rows);
  const [mask] = emit("gatherRows", [table, ids]);
  return emit("binary", [x, mask], { kind: "multiply" })[0];
}

export interface DropoutDraw {
  /** Chance of an element to be dropped; the others grow by 1 / (1 − rate). */
  readonly rate: number;
  readonly seed: number;
  /** Optimiser step of the stage, from 1, and pack of the step. */
  readonly step: number;
  readonly pack: number;
}

/** Masks for one pack: a function of (seed, step, pack) alone; nothing for a graph without dropout. */
export function dropoutInputs(graph: Graph, { rate, seed, step, pack }: DropoutDraw): PackInputs {
  const random = seededRandom(
    (Math.imul(seed, 0x9e3779b1) ^ Math.imul(step, 0x85ebca6b) ^ Math.imul(pack, 0xc2b2ae35)) >>> 0,
  );
  const inputs: Record<string, Float32Array | Int32Array> = {};
  for (const [name, id] of Object.entries(graph.inputs).sort(([a], [b]) => (a < b ? -1 : 1))) {
    const count = sizeOf(graph.values[id]);
    if (name.startsWith(TABLE)) {
      inputs[name] = Float32Array.from({ length: count }, () => (random.next() < rate ? 0 : 1 / (1 - rate)));
    } else if (name.startsWith(ROWS)) {
      inputs[name] = permutation(count, () => random.next());
    }
  }
  return inputs;
}

function sizeOf({ dims }: Value): number {
  return dims.reduce((count, { capacity }) => count * capacity, 1);
}

/** Fisher and Yates. */
function permutation(length: number, next: () => number): Int32Array<ArrayBuffer> {
  const order = Int32Array.from({ length }, (_, i) => i);
  for (let i = length - 1; i > 0; i--) {
    const j = Math.floor(next() * (i + 1));
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}
