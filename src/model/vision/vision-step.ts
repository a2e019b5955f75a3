import type { InputData } from "../../tensor/backend.ts";
import type { Extents } from "../../tensor/dim.ts";

/** One step of views as the recorded encoder takes it. */
export interface VisionStep {
  readonly extents: Extents;
  readonly inputs: Readonly<Record<string, InputData>>;
  /** Rows of the output `visual`, group after group. */
  readonly tokenCounts: readonly number[];
}

/** What a step must know of the request it is part of. */
export interface VisionStepOptions {
  /** Patches of the request's longest view, where the version pads to it (`paddedLength`). */
  readonly paddedLength?: number | undefined;
  /** V-4.5: times of the frames of each group, which share one set of tokens; in the order of the views. */
  readonly groups?: readonly (readonly number[])[] | undefined;
}
