/** Base of every error this library throws on purpose. `hint` says what the caller can do next. */
export class MiniCpmError extends Error {
  /** Stable machine-readable code, documented in docs/errors.md. */
  readonly code: string;
  /** One sentence telling the reader how to fix the problem. */
  readonly hint: string;

  constructor(code: string, message: string, hint: string, options?: ErrorOptions) {
    super(`${message} ${hint}`, options);
    this.name = new.target.name;
    this.code = code;
    this.hint = hint;
  }
}

/** A value reached a place that the types say it cannot: a bug of this library, not of the caller. */
export class InvariantError extends MiniCpmError {
  constructor(message: string) {
    super("E_INVARIANT", message, "This is a bug in minicpmv: please report it with the message above.");
  }
}

/** An argument, option or configuration value is outside what is accepted. */
export class ArgumentError extends MiniCpmError {
  constructor(message: string, hint: string, options?: ErrorOptions) {
    super("E_ARGUMENT", message, hint, options);
  }
}

/** The feature is known and not part of this build or machine. */
export class UnsupportedError extends MiniCpmError {
  constructor(message: string, hint: string, options?: ErrorOptions) {
    super("E_UNSUPPORTED", message, hint, options);
  }
}

/** A resource was used after it was given back, or given back twice. */
export class DisposedError extends MiniCpmError {
  constructor(what: string, action: "used" | "disposed again") {
    super(
      "E_DISPOSED",
      `${what} was ${action} after disposal.`,
      "Keep the `using` scope open for as long as the value is needed.",
    );
  }
}

/** The caller's AbortSignal fired. */
export class AbortedError extends MiniCpmError {
  constructor(what: string, options?: ErrorOptions) {
    super("E_ABORTED", `${what} was cancelled.`, "Nothing needs to be done; start again when ready.", options);
  }
}
