import { type BenchCase, type CaseError, nmseError } from "../../scripts/bench-lib.ts";
import { type ActivationKind, activationBytes } from "../../src/backend/wasm/kernels/quantise-activations.ts";
import { seededRandom } from "../../src/base/random.ts";
import { normalisedError } from "../normalised-error.ts";
import type { KernelCall, KernelTeam } from "./kernel-team.ts";

const GIGA = 1e9;
const THREAD_COUNTS = [1, 2] as const;

/** A case before it is known how many threads run it. */
export interface SplitCase {
  readonly name: string;
  /** Printed divided by a billion. */
  readonly unit: "GFLOP/s" | "GOP/s" | "GB/s" | "Gelement/s";
  /** Operations, bytes or elements of one run. */
  readonly work: number;
  /** The share of thread `part` of `parts`. */
  split(part: number, parts: number): KernelCall;
  /** Looks at what a run by that many threads left behind. */
  check(): CaseError;
  /** Every thread does all of `work`: the peaks. */
  readonly isPerThread?: boolean;
}

/** The case on one and on two threads; each is run once and looked at. */
export function onThreads(team: KernelTeam, cases: readonly SplitCase[]): readonly BenchCase[] {
  const path = `wasm relaxed${team.variant.pairs === true ? " in pairs" : ""}${team.isWide ? ", 256 bit" : ""}`;
  return cases.flatMap(({ name, unit, work, split, check, isPerThread = false }) =>
    THREAD_COUNTS.map((threads): BenchCase => {
      const total = isPerThread ? work * threads : work;
      const run = (): void => team.run(Array.from({ length: threads }, (_, part) => split(part, threads)));
      run();
      return { name, path, threads, unit, work: total / GIGA, error: check(), run };
    }),
  );
}

/** For what computes nothing. */
export const noAnswer = (): CaseError => ({
  metric: "not available",
  reason: "a limit of the machine: nothing is computed",
});

/** NMSE of part of what a kernel left against the same part in float64. */
export function compared(actual: ArrayLike<number>, expected: ArrayLike<number>): CaseError {
  return nmseError(normalisedError(actual, expected));
}

/** [begin, end) of a part of `count`, cut at multiples of `step`. */
export function share(count: number, step: number, part: number, parts: number): readonly [number, number] {
  const cut = (index: number): number => Math.min(count, Math.round((index * count) / parts / step) * step);
  return [cut(part), cut(part + 1)];
}

/** One address for each part. */
export function perPart(team: KernelTeam, bytes: number): readonly number[] {
  return THREAD_COUNTS.map(() => team.reserve(bytes));
}

/** Standard normal values. */
export function normals(count: number, seed: number): Float32Array<ArrayBuffer> {
  const random = seededRandom(seed);
  return Float32Array.from({ length: count }, () => random.normal());
}

export const bits = (value: number): number => new Int32Array(Float32Array.of(value).buffer)[0];
export const quantiser = (kind: ActivationKind): string => `quantise${kind.toUpperCase().replace("X", "x")}`;

/** Records of `values` [rows, k] made by the kernel. */
export function quantised(
  team: KernelTeam,
  kind: ActivationKind,
  values: Float32Array,
  { rows, k }: { readonly rows: number; readonly k: number },
): number {
  const records = team.reserve(activationBytes(kind, rows, k));
  team.run([{ kernel: quantiser(kind), args: [team.place(values), k * 4, records, 0, rows, k] }]);
  return records;
}
