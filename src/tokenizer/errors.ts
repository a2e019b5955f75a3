import { MiniCpmError } from "../base/errors.ts";

/** A vocabulary file is malformed or contradicts itself. The message starts with the place inside the file. */
export class TokenizerFormatError extends MiniCpmError {
  constructor(place: string, problem: string, options?: ErrorOptions) {
    super(
      "E_TOKENIZER_FORMAT",
      `${place}: ${problem}.`,
      "Download the tokenizer file again, or check the tool that wrote it.",
      options,
    );
  }
}

/** The file asks for a tokenizer part that this library does not have. */
export class TokenizerUnsupportedError extends MiniCpmError {
  constructor(place: string, found: string, known: readonly string[]) {
    super(
      "E_TOKENIZER_UNSUPPORTED",
      `${place}: ${found} is not supported.`,
      `Use a tokenizer made of ${known.join(", ")}, or open an issue with the file's name.`,
    );
  }
}

/** A token that a version needs is not in the vocabulary. */
export class MissingTokenError extends MiniCpmError {
  /** The string that was looked up. */
  readonly token: string;

  constructor(token: string) {
    super(
      "E_TOKEN_MISSING",
      `The vocabulary has no token ${JSON.stringify(token)}.`,
      "Check that the tokenizer belongs to this model version.",
    );
    this.token = token;
  }
}

/** A token id is outside the vocabulary. */
export class TokenIdError extends MiniCpmError {
  constructor(id: number, vocabularySize: number) {
    super(
      "E_TOKEN_ID",
      `Token id ${id} is outside the vocabulary of ${vocabularySize} tokens.`,
      "Check that the ids come from this tokenizer's model.",
    );
  }
}

/** The text holds a byte or a character that the vocabulary cannot express and it names no unknown token. */
export class UnencodableTextError extends MiniCpmError {
  constructor(what: string) {
    super(
      "E_TOKENIZER_UNENCODABLE",
      `The vocabulary has no token for ${what} and no unknown token.`,
      "Use a vocabulary with all 256 byte tokens or an unknown token.",
    );
  }
}
