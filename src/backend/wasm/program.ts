import { invariant, present } from "../../base/invariant.ts";
import type { Extents } from "../../tensor/dim.ts";
import type { PlacedBuffer } from "./buffers.ts";
import { CALL_GRANULE, CALL_HEADER, CALL_SPLIT } from "./call-layout.ts";
import { CALL_SIGNATURES, callIndex } from "./call-table.ts";

/** A number that a kernel is called with: known now, an address, or a multiple of a run-time extent. */
export type Argument =
  | number
  | { readonly buffer: PlacedBuffer; readonly offsetBytes: number }
  | { readonly slot: string; readonly factor: number }
  /** Address of the calling thread's scratch. */
  | "scratch";

/** Ranges that may be cut over threads, most wanted first: the one with most pieces is cut. */
export interface Split {
  /** Name of the begin parameter; the end parameter follows it. */
  readonly begin: string;
  /** Pieces start at multiples of this. */
  readonly granule: number;
}

/** One kernel call of a plan. */
export interface KernelStep {
  readonly kind: "kernel";
  readonly kernel: string;
  /** Index of the memory that all addresses are in. */
  readonly memory: number;
  readonly arguments: Readonly<Record<string, Argument>>;
  readonly splits: readonly Split[];
  readonly reads: readonly PlacedBuffer[];
  readonly writes: readonly PlacedBuffer[];
}

/** A call back into JavaScript between kernels, for ops without a kernel. */
export interface HostStep {
  readonly kind: "host";
  readonly run: (extents: Extents) => void;
  readonly reads: readonly PlacedBuffer[];
  readonly writes: readonly PlacedBuffer[];
}

export type Step = KernelStep | HostStep;

const SIGNATURES = new Map(CALL_SIGNATURES.map((signature, index) => [signature.name, { index, signature }]));

interface Patch {
  readonly at: number;
  readonly argument: Exclude<Argument, number | "scratch">;
}

/** Kernel calls between two host steps, encoded once; addresses and extents are filled in at each replay. */
export class Segment {
  readonly code: Int32Array<ArrayBuffer>;
  readonly #patches: readonly Patch[];
  readonly #splits: readonly {
    readonly at: number;
    readonly splits: readonly Split[];
    readonly parameters: readonly string[];
  }[];

  constructor(steps: readonly { readonly step: KernelStep; readonly needsBarrier: boolean }[]) {
    const code: number[] = [];
    const patches: Patch[] = [];
    const splits: { at: number; splits: readonly Split[]; parameters: readonly string[] }[] = [];
    for (const { step, needsBarrier } of steps) {
      const { index, signature } = present(SIGNATURES.get(step.kernel), `kernel ${step.kernel}`);
      const { parameters } = signature;
      splits.push({ at: code.length, splits: step.splits, parameters });
      code.push(
        callIndex(step.memory, index),
        parameters.length,
        -1,
        1,
        needsBarrier ? 1 : 0,
        parameters.findIndex((p) => step.arguments[p] === "scratch"),
      );
      for (const parameter of parameters) {
        const argument = step.arguments[parameter];
        invariant(argument !== undefined, `${step.kernel} was not given ${parameter}`);
        if (typeof argument === "object") patches.push({ at: code.length, argument });
        code.push(typeof argument === "number" ? argument : 0);
      }
    }
    this.code = Int32Array.from(code);
    this.#patches = patches;
    this.#splits = splits;
  }

  /** Writes the addresses and extents of this replay into `code`. */
  resolve(extents: Extents, arenas: readonly number[]): void {
    for (const { at, argument } of this.#patches) {
      this.code[at] =
        "slot" in argument
          ? extents[argument.slot] * argument.factor
          : argument.buffer.address(arenas) + argument.offsetBytes;
    }
    for (const { at, splits, parameters } of this.#splits) this.#chooseSplit(at, splits, parameters);
  }

  #chooseSplit(at: number, splits: readonly Split[], parameters: readonly string[]): void {
    let most = 1;
    this.code[at + CALL_SPLIT] = -1;
    for (const { begin, granule } of splits) {
      const index = parameters.indexOf(begin);
      const from = at + CALL_HEADER + index;
      const pieces = Math.ceil((this.code[from + 1] - this.code[from]) / granule);
      if (pieces <= most) continue;
      most = pieces;
      this.code[at + CALL_SPLIT] = index;
      this.code[at + CALL_GRANULE] = granule;
    }
  }
}
