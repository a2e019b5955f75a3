import type { BenchCase } from "../../scripts/bench-lib.ts";
import { type ActivationKind, activationBytes } from "../../src/backend/wasm/kernels/quantise-activations.ts";
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
  /** Every thread does all of `work`: the peaks. */
  readonly isPerThread?: boolean;
}

/** The case on one and on two threads. */
export function onThreads(team: KernelTeam, cases: readonly SplitCase[]): readonly BenchCase[] {
  return cases.flatMap(({ name, unit, work, split, isPerThread = false }) =>
    THREAD_COUNTS.map((threads): BenchCase => {
      const total = isPerThread ? work * threads : work;
      const run = (): void => team.run(Array.from({ length: threads }, (_, part) => split(part, threads)));
      return { name, path: "wasm relaxed", threads, unit, work: total / GIGA, run };
    }),
  );
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

export const waves = (count: number): Float32Array => new Float32Array(count).map((_, i) => Math.sin(i * 0.7) * 2);
export const bits = (value: number): number => new Int32Array(Float32Array.of(value).buffer)[0];
export const quantiser = (kind: ActivationKind): string => `quantise${kind.toUpperCase().replace("X", "x")}`;

/** Records of [rows, k] made by the kernel. */
export function quantised(team: KernelTeam, kind: ActivationKind, rows: number, k: number): number {
  const records = team.reserve(activationBytes(kind, rows, k));
  const args = [team.place(waves(rows * k)), k * 4, records, 0, rows, k];
  team.run([{ kernel: quantiser(kind), args }]);
  return records;
}
