import type { Checkpoint, CheckpointTensor } from "./checkpoint.ts";
import { CheckpointEntryError, WeightMismatchError } from "./errors.ts";
import type { GgmlType } from "./quant/formats.ts";

/** What a model expects of a tensor. */
export interface WeightExpectation {
  /** Outermost first. */
  readonly shape: readonly number[];
  /** All types when absent. */
  readonly types?: readonly GgmlType[];
}

/**
 * Hands a model its tensors by name and keeps account: after all claims, `finish` reports every gap, leftover, wrong
 * shape and wrong type in one error. Until then a claim that fails gives a stand-in whose bytes cannot be read.
 */
export class WeightReader {
  readonly checkpoint: Checkpoint;
  readonly #claimed = new Set<string>();
  // sets: stacked and tied weights claim one tensor several times, and are told once
  readonly #missing = new Set<string>();
  readonly #wrongShape = new Set<string>();
  readonly #wrongType = new Set<string>();

  constructor(checkpoint: Checkpoint) {
    this.checkpoint = checkpoint;
  }

  has(name: string): boolean {
    return this.checkpoint.has(name);
  }

  /** The tensor `name`, which the model cannot do without. Claiming it again is allowed (tied weights). */
  claim(name: string, expectation: WeightExpectation): CheckpointTensor {
    const tensor = this.claimOptional(name, expectation);
    if (tensor !== undefined) return tensor;
    this.#missing.add(name);
    return standIn(this.checkpoint.fileName, name, expectation);
  }

  /** The tensor `name`, or undefined when the checkpoint has none. */
  claimOptional(name: string, expectation: WeightExpectation): CheckpointTensor | undefined {
    if (!this.checkpoint.has(name)) return undefined;
    const tensor = this.checkpoint.tensor(name);
    this.#claimed.add(name);
    const { shape, types } = expectation;
    if (shape.length !== tensor.shape.length || shape.some((size, i) => size !== tensor.shape[i])) {
      this.#wrongShape.add(`${name}: expected [${shape.join(", ")}], found [${tensor.shape.join(", ")}]`);
    }
    if (types !== undefined && !types.includes(tensor.type)) {
      this.#wrongType.add(`${name}: expected ${types.join(" or ")}, found ${tensor.type}`);
    }
    return tensor;
  }

  /** Says that tensors whose name matches are known and not used, such as tables that are computed instead. */
  ignore(pattern: RegExp): void {
    for (const name of this.checkpoint.names) if (pattern.test(name)) this.#claimed.add(name);
  }

  /** Throws WeightMismatchError when anything differs from what was claimed. */
  finish(): void {
    const mismatch = {
      missing: [...this.#missing],
      leftover: this.checkpoint.names.filter((name) => !this.#claimed.has(name)),
      wrongShape: [...this.#wrongShape],
      wrongType: [...this.#wrongType],
    };
    if (Object.values(mismatch).some((names) => names.length > 0)) {
      throw new WeightMismatchError(this.checkpoint.fileName, mismatch);
    }
  }
}

function standIn(fileName: string, name: string, { shape, types }: WeightExpectation): CheckpointTensor {
  const refuse = async (): Promise<never> => {
    throw new CheckpointEntryError(fileName, `there is no tensor ${name}`);
  };
  return {
    name,
    type: types?.[0] ?? "F32",
    shape,
    byteLength: 0,
    rowCount: 0,
    rowBytes: 0,
    read: refuse,
    readBytes: refuse,
  };
}
