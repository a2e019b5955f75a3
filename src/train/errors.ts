import { MiniCpmError } from "../base/errors.ts";

/** The loss or a gradient is not a number. */
export class TrainingDivergedError extends MiniCpmError {
  constructor(step: number, what: string, value: number) {
    super(
      "E_TRAINING_DIVERGED",
      `Step ${step}: ${what} is ${value}.`,
      "Go back to the last checkpoint with a lower learning rate, and look at the samples of that step.",
    );
  }
}

/** A checkpoint on disk belongs to another model or is incomplete. */
export class CheckpointMismatchError extends MiniCpmError {
  constructor(path: string, problem: string) {
    super(
      "E_CHECKPOINT_MISMATCH",
      `The checkpoint ${path} cannot be resumed: ${problem}.`,
      "Start the run in another folder, or use the recipe that wrote this checkpoint.",
    );
  }
}
