import { MiniCpmError } from "../base/errors.ts";

/** A weight file contradicts its own format: a damaged download, a wrong file or a hostile one. */
export class CheckpointFormatError extends MiniCpmError {
  constructor(fileName: string, problem: string, options?: ErrorOptions) {
    super(
      "E_CHECKPOINT_FORMAT",
      `${fileName}: ${problem}.`,
      "Download the file again and compare its size and checksum with the publisher's.",
      options,
    );
  }
}

/** A weight file is well formed and holds something this build cannot use. */
export class CheckpointUnsupportedError extends MiniCpmError {
  constructor(fileName: string, problem: string, hint: string) {
    super("E_CHECKPOINT_UNSUPPORTED", `${fileName}: ${problem}.`, hint);
  }
}

/** The bytes of a quantised tensor do not fit its type and element count, or hold scales that are not numbers. */
export class QuantisedDataError extends MiniCpmError {
  constructor(problem: string) {
    super("E_QUANTISED_DATA", `${problem}.`, "Check that the type, the shape and the byte range belong to one tensor.");
  }
}

/** A name was asked of a checkpoint that has no such tensor or metadata key, or one of another kind. */
export class CheckpointEntryError extends MiniCpmError {
  constructor(fileName: string, problem: string) {
    super("E_CHECKPOINT_ENTRY", `${fileName}: ${problem}.`, "Check that the file belongs to this model and version.");
  }
}

/** Everything in which a checkpoint differs from what a model asked for. */
export interface WeightMismatch {
  readonly missing: readonly string[];
  readonly leftover: readonly string[];
  /** One sentence part each: name, expected and found. */
  readonly wrongShape: readonly string[];
  readonly wrongType: readonly string[];
}

/** A checkpoint does not hold the tensors that the model needs; lists every difference by name. */
export class WeightMismatchError extends MiniCpmError {
  readonly mismatch: WeightMismatch;

  constructor(fileName: string, mismatch: WeightMismatch) {
    const parts = [
      describe("missing", mismatch.missing),
      describe("not used by the model", mismatch.leftover),
      describe("of a wrong shape", mismatch.wrongShape),
      describe("of a wrong type", mismatch.wrongType),
    ].filter((part) => part !== "");
    super(
      "E_WEIGHT_MISMATCH",
      `${fileName} does not fit the model: ${parts.join("; ")}.`,
      "Check that the file belongs to this model and version, and that its language and vision parts are not swapped.",
    );
    this.mismatch = mismatch;
  }
}

/** How many names the message spells out; `mismatch` has them all. */
const NAMES_SHOWN = 20;

function describe(what: string, names: readonly string[]): string {
  if (names.length === 0) return "";
  const shown = names.slice(0, NAMES_SHOWN).join(", ");
  const rest = names.length > NAMES_SHOWN ? ` and ${names.length - NAMES_SHOWN} more` : "";
  return `${names.length} ${what} (${shown}${rest})`;
}
