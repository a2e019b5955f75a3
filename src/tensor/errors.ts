import { MiniCpmError } from "../base/errors.ts";
import { type Dim, describeDim, describeDims } from "./dim.ts";

/** Two values, or a value and a weight, disagree about an axis. Thrown while recording, before anything runs. */
export class ShapeError extends MiniCpmError {
  constructor(op: string, problem: string, hint = "Check that the configuration matches the weights.") {
    super("E_SHAPE", `${op}: ${problem}.`, hint);
  }

  /** Both dims are named, so that the reader sees which two axes met. */
  static mismatch(op: string, what: string, expected: Dim, actual: Dim): ShapeError {
    return new ShapeError(op, `${what} should be ${describeDim(expected)} but is ${describeDim(actual)}`);
  }

  static rank(op: string, what: string, rank: number, dims: readonly Dim[]): ShapeError {
    return new ShapeError(op, `${what} should have ${rank} axes but is ${describeDims(dims)}`);
  }
}

/** A value met an operation that does not take its element type. */
export class DTypeError extends MiniCpmError {
  constructor(op: string, what: string, expected: string, actual: string) {
    super("E_DTYPE", `${op}: ${what} should be ${expected} but is ${actual}.`, "Convert it before this operation.");
  }
}

/** A derivative was asked of an operation that has none. */
export class NotDifferentiableError extends MiniCpmError {
  constructor(op: string, why: string) {
    super(
      "E_NOT_DIFFERENTIABLE",
      `${op} has no derivative: ${why}.`,
      "Record the training graph without a cache or recurrent state (past: none).",
    );
  }
}

/** A plan needs more memory than it may use; nothing has been allocated. */
export class MemoryBudgetError extends MiniCpmError {
  constructor(what: string, neededBytes: number, budgetBytes: number) {
    const mib = (bytes: number): string => (bytes / 2 ** 20).toFixed(1);
    super(
      "E_MEMORY_BUDGET",
      `${what} needs ${mib(neededBytes)} MiB but ${mib(budgetBytes)} MiB are allowed.`,
      "Raise the memory budget, shorten the context, encode fewer views at once, or choose a smaller quantisation.",
    );
  }
}

/** An input, weight or state that the graph names was not given, or does not fit. */
export class BindingError extends MiniCpmError {
  constructor(problem: string, hint = "Bind every input, weight and state that the graph names.") {
    super("E_BINDING", `${problem}.`, hint);
  }
}
