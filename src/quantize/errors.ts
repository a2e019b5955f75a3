import { MiniCpmError } from "../base/errors.ts";

/** An output file could not be written; nothing of it is left behind. `cause` has the system's own error. */
export class OutputWriteError extends MiniCpmError {
  constructor(fileName: string, problem: string, hint: string, options?: ErrorOptions) {
    super("E_OUTPUT_WRITE", `${fileName} was not written: ${problem}.`, hint, options);
  }
}

/** An importance matrix file contradicts its own format or does not fit the model. */
export class ImportanceError extends MiniCpmError {
  constructor(fileName: string, problem: string) {
    super("E_IMPORTANCE", `${fileName}: ${problem}.`, "Collect the importance matrix again on this model.");
  }
}
