import type { TokenId } from "../base/brand.ts";

/** A piece of a prompt. Special tokens are recognised in `special` parts only, so a user cannot write one. */
export interface TextPart {
  readonly text: string;
  readonly parseSpecial: boolean;
}

export interface EncodeOptions {
  /** Adds what the file's post-processor adds, such as the begin token. Default false. */
  readonly addSpecial?: boolean;
  /** Recognises special tokens written in the text. Default false: text of a user must stay text. */
  readonly parseSpecial?: boolean;
}

export interface DecodeOptions {
  /** Leaves special tokens out of the text. Default false. */
  readonly skipSpecial?: boolean;
  /** SentencePiece only: keeps the space that the dummy prefix put before the first word. Default false. */
  readonly keepLeadingSpace?: boolean;
}

/** A token that is cut out of the text before the pair merging sees it. */
export interface AddedToken {
  readonly id: TokenId;
  readonly content: string;
  /** Control token: left out by `skipSpecial`. */
  readonly special: boolean;
  /** Swallows white space on its left / right. */
  readonly lstrip: boolean;
  readonly rstrip: boolean;
  /** Searched in the normalised text instead of the raw one. */
  readonly normalized: boolean;
  /** Matches only between non-word characters. */
  readonly singleWord: boolean;
}

/** Text to token ids and back. */
export interface Tokenizer {
  /** Highest id + 1. */
  readonly vocabularySize: number;
  readonly addedTokens: readonly AddedToken[];
  readonly bosId: TokenId | undefined;
  readonly eosId: TokenId | undefined;
  encode(text: string, options?: EncodeOptions): TokenId[];
  /** Encodes the parts as one text: a word that runs over a border is merged as the reference merges it. */
  encodeParts(parts: readonly TextPart[], options?: { readonly addSpecial?: boolean }): TokenId[];
  /** Bytes that are not UTF-8 become U+FFFD. Throws TokenIdError. */
  decode(ids: readonly TokenId[], options?: DecodeOptions): string;
  /** Id of a token by its string in the file. Throws MissingTokenError. */
  idOf(token: string): TokenId;
  findId(token: string): TokenId | undefined;
  /** True where the id has a token: files may leave gaps. */
  hasToken(id: TokenId): boolean;
  /** The token's string in the file. Throws TokenIdError. */
  tokenString(id: TokenId): string;
  /** Bytes the token adds to the text; may be part of a character. Throws TokenIdError. Do not modify. */
  tokenBytes(id: TokenId): Uint8Array;
  /** True for control tokens: those that `skipSpecial` leaves out. */
  isSpecial(id: TokenId): boolean;
  /** True where the first word of a decoded text carries a space that is not part of it (SentencePiece). */
  readonly stripsLeadingSpace: boolean;
}
