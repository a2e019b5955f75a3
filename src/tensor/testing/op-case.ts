import type { Random } from "../../base/random.ts";
import type { Precision } from "../backend.ts";
import type { Extents } from "../dim.ts";
import type { StorageType } from "../dtype.ts";
import type { Recording } from "../recorder.ts";

/** One replay of a case. Inputs that are not given are drawn: integers must be given. */
export interface OpCaseStep {
  readonly extents?: Extents;
  readonly integers?: Readonly<Record<string, readonly number[]>>;
}

/** One graph around an op that every backend must compute as the oracle does; benchmarks time the same. */
export interface OpCase {
  readonly name: string;
  readonly record: (recording: Recording) => void;
  /** Replays in order on the same states; one without extents by default. */
  readonly steps?: readonly OpCaseStep[];
  /** What a benchmark times instead of the steps, where it is more than the oracle should be asked for. */
  readonly timed?: OpCaseStep;
  /** Storage of weights that are not F32. */
  readonly types?: Readonly<Record<string, StorageType>>;
  /** How a float value is drawn, by the name of its input or weight (F32); standard normal by default. */
  readonly draw?: Readonly<Record<string, (random: Random, index: number) => number>>;
  /** Largest NMSE against the oracle for each precision that a backend offers. */
  readonly limits: Readonly<Partial<Record<Precision, number>>>;
}

/** The bound of exact float32 work. */
export const FLOAT_LIMIT = 1e-7;
/** The bound where something is rounded to 16 bits on the way. */
export const HALF_LIMIT = 1e-6;
/** Lengths that meet every tail of a vectorised loop. */
export const TAIL_SIZES = [1, 63, 64, 65, 1000] as const;
