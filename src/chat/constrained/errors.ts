import { MiniCpmError } from "../../base/errors.ts";

/** The JSON schema is malformed. */
export class SchemaFormatError extends MiniCpmError {
  constructor(place: string, problem: string) {
    super("E_SCHEMA_FORMAT", `${place}: ${problem}.`, "Correct the schema.");
  }
}

/** The JSON schema uses something that constrained output cannot enforce. */
export class SchemaUnsupportedError extends MiniCpmError {
  /** The keyword in question. */
  readonly keyword: string;

  constructor(place: string, keyword: string, reason = "is not supported") {
    super(
      "E_SCHEMA_UNSUPPORTED",
      `${place}: ${JSON.stringify(keyword)} ${reason}.`,
      "Leave it out and check the answer afterwards.",
    );
    this.keyword = keyword;
  }
}

/** No JSON text can satisfy the schema. */
export class SchemaUnsatisfiableError extends MiniCpmError {
  constructor(place: string, reason: string) {
    super("E_SCHEMA_UNSATISFIABLE", `${place}: no value satisfies this schema: ${reason}.`, "Loosen the schema.");
  }
}
