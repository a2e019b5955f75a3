import { MiniCpmError } from "../base/errors.ts";

/** The loss or a gradient is not a number. */
export class TrainingDivergedError extends MiniCpmError {
  /** `content` names the samples that were being trained on. */
  constructor(step: number, what: string, value: number, content?: string) {
    super(
      "E_TRAINING_DIVERGED",
      `Step ${step}: ${what} is ${value}${content === undefined ? "" : `; it holds ${content}`}.`,
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

/** A sample of a data file cannot be trained on. */
export class DataSampleError extends MiniCpmError {
  constructor(
    place: SamplePlace,
    problem: string,
    hint = "Correct this sample or take it out.",
    options?: ErrorOptions,
  ) {
    super("E_DATA_SAMPLE", `${describePlace(place)}: ${problem}.`, hint, options);
  }
}

/** Where a sample stands. */
export interface SamplePlace {
  readonly file: string;
  /** Index from 0 in a JSON array; undefined for the file as a whole. */
  readonly index?: number;
  /** Line from 1 in a JSONL file. */
  readonly line?: number;
  readonly id?: string;
}

function describePlace({ file, index, line, id }: SamplePlace): string {
  const place = line === undefined ? (index === undefined ? "" : `, sample ${index}`) : `, line ${line}`;
  return `${file}${place}${id === undefined ? "" : ` (id ${JSON.stringify(id)})`}`;
}

/** A recipe says something that cannot be run. */
export class RecipeError extends MiniCpmError {
  constructor(place: string, problem: string, hint = "Correct the recipe; docs/training.md explains each field.") {
    super("E_RECIPE", `Recipe field ${place} ${problem}.`, hint);
  }
}

/** Another training, or a benchmark, of this machine holds the lock. */
export class TrainingRunningError extends MiniCpmError {
  constructor(path: string, options?: ErrorOptions) {
    super(
      "E_TRAINING_RUNNING",
      `Another training or a benchmark holds ${path}.`,
      "Wait until it has ended, or stop it; a lock left by a dead process is taken over.",
      options,
    );
  }
}

/** A stage needs more memory than this machine has; nothing was read or allocated. */
export class TrainingMemoryError extends MiniCpmError {
  constructor(
    stage: string,
    sizes: { readonly plannedBytes: number; readonly availableBytes: number },
    advice: string,
  ) {
    const gib = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(bytes < 2 ** 30 ? 3 : 1)} GiB`;
    super(
      "E_TRAINING_MEMORY",
      `Stage ${JSON.stringify(stage)} is planned to need ${gib(sizes.plannedBytes)}, and ${gib(sizes.availableBytes)} are there.`,
      advice,
    );
  }
}
