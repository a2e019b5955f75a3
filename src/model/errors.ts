import { MiniCpmError } from "../base/errors.ts";

/** A checkpoint is of no version that this build knows. */
export class UnknownModelError extends MiniCpmError {
  constructor(found: string) {
    super(
      "E_UNKNOWN_MODEL",
      `This is no MiniCPM-V model that can be read: ${found}.`,
      "Use a release of MiniCPM-V 1.0 to 4.6 (or MiniCPM-o 2.6 or 4.5), with its own config.json or its GGUF pair.",
    );
  }
}

/** A language model came without the file that holds its vision part, or with a wrong one. */
export class ProjectorError extends MiniCpmError {
  constructor(problem: string) {
    super(
      "E_PROJECTOR",
      `${problem}.`,
      "Give the mmproj file of the same release beside the language model (--mmproj, or pull the whole set).",
    );
  }
}

/** A model cannot be written as a GGUF pair. */
export class ExportError extends MiniCpmError {
  constructor(problem: string, hint: string) {
    super("E_EXPORT", `${problem}.`, `${hint}.`);
  }
}
