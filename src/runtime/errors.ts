import { MiniCpmError } from "../base/errors.ts";

/** The prompt, or prompt and answer, do not fit the context. */
export class ContextLengthError extends MiniCpmError {
  /** `fits`: what would fit, in a sentence. */
  constructor(tokenCount: number, limit: number, fits = "Shorten the text, or use fewer pictures or slices.") {
    super(
      "E_CONTEXT_LENGTH",
      `The prompt has ${tokenCount} tokens, but the context holds ${limit}, answer included.`,
      `${fits} Or open the model with a context of more than ${tokenCount} tokens.`,
    );
  }
}

/** Every page of the key-value cache is in use. */
export class CacheFullError extends MiniCpmError {
  constructor(neededPages: number, freePages: number) {
    super(
      "E_CACHE_FULL",
      `The key-value cache needs ${neededPages} more pages, but ${freePages} are free.`,
      "Finish or drop another conversation, or open the model with a longer context.",
    );
  }
}

/** Logits are not numbers: a broken file or a broken backend. */
export class NotFiniteError extends MiniCpmError {
  constructor(where: string, value: number) {
    super(
      "E_NOT_FINITE",
      `${where} gave ${value} where a finite number was expected.`,
      "Check the file with `minicpmv doctor`; if it is sound, choose the float path.",
    );
  }
}

/** A file that the model needs is not beside its weights. */
export class MissingFileError extends MiniCpmError {
  constructor(name: string) {
    super(
      "E_MISSING_FILE",
      `${name} is not beside the weights.`,
      "Give the whole folder of the release, or a GGUF file, which holds everything.",
    );
  }
}

/** A configuration file cannot be read as JSON. */
export class JsonFileError extends MiniCpmError {
  constructor(name: string, problem: string, options?: ErrorOptions) {
    super("E_JSON_FILE", `${name} ${problem}.`, "Fetch it again from the model's release.", options);
  }
}

/** The name or path leads to no model. */
export class ModelNotFoundError extends MiniCpmError {
  constructor(reference: string, problem: string, hint: string, options?: ErrorOptions) {
    super("E_MODEL_NOT_FOUND", `${JSON.stringify(reference)}: ${problem}.`, hint, options);
  }
}

/** The package, or the clone, has no weights of the built-in model. */
export class EmbeddedModelMissingError extends MiniCpmError {
  constructor(where: string) {
    super(
      "E_NO_EMBEDDED_MODEL",
      `There is no embedded model in this build: ${where} has no weights.`,
      "Name a model, such as openbmb/MiniCPM-V-4.6-gguf; `minicpmv models` lists some.",
    );
  }
}
