import type { TokenId } from "../base/brand.ts";
import { AddedTokenFinder, cutAddedTokens, type Section } from "./added-tokens.ts";
import type { BpeModel } from "./bpe-model.ts";
import { MissingTokenError } from "./errors.ts";
import type { Normalizer } from "./normalizer.ts";
import type { PreTokenizer } from "./pre-tokenizer.ts";
import type { TokenIds } from "./string-index.ts";
import type { TokenTable } from "./token-table.ts";
import type { AddedToken, DecodeOptions, EncodeOptions, TextPart, Tokenizer } from "./tokenizer.ts";

/** The pieces that a loader reads from a file. */
export interface BpeTokenizerParts {
  readonly table: TokenTable;
  readonly ids: TokenIds;
  readonly addedTokens: readonly AddedToken[];
  readonly normalize: Normalizer | undefined;
  /** Turns the content of a `normalized` token into what is searched; `normalize` where absent. */
  readonly normalizeContent?: Normalizer;
  readonly preTokenize: PreTokenizer | undefined;
  readonly model: BpeModel;
  /** What `addSpecial` puts before and after the text. */
  readonly prefix: readonly TokenId[];
  readonly suffix: readonly TokenId[];
  readonly bosId: TokenId | undefined;
  readonly eosId: TokenId | undefined;
  readonly stripsLeadingSpace: boolean;
}

/** Byte-level and SentencePiece byte-pair encoding. Special tokens are cut out first, the rest is merged word by word. */
export class BpeTokenizer implements Tokenizer {
  readonly #parts: BpeTokenizerParts;
  readonly #rawFinder: AddedTokenFinder;
  readonly #normalizedFinder: AddedTokenFinder;
  readonly #specialIds: ReadonlySet<TokenId>;

  constructor(parts: BpeTokenizerParts) {
    this.#parts = parts;
    const normalize = parts.normalize;
    const isRaw = (token: AddedToken): boolean => !token.normalized || normalize === undefined;
    this.#rawFinder = new AddedTokenFinder(parts.addedTokens.filter(isRaw), (token) => token.content);
    this.#normalizedFinder = new AddedTokenFinder(
      parts.addedTokens.filter((token) => !isRaw(token)),
      (token) => (parts.normalizeContent ?? normalize)?.(token.content) ?? token.content,
    );
    this.#specialIds = new Set(parts.addedTokens.filter((token) => token.special).map((token) => token.id));
  }

  get vocabularySize(): number {
    return this.#parts.table.size;
  }

  get addedTokens(): readonly AddedToken[] {
    return this.#parts.addedTokens;
  }

  get bosId(): TokenId | undefined {
    return this.#parts.bosId;
  }

  get eosId(): TokenId | undefined {
    return this.#parts.eosId;
  }

  get stripsLeadingSpace(): boolean {
    return this.#parts.stripsLeadingSpace;
  }

  encode(text: string, options: EncodeOptions = {}): TokenId[] {
    return this.encodeParts([{ text, parseSpecial: options.parseSpecial ?? false }], options);
  }

  encodeParts(parts: readonly TextPart[], options: { readonly addSpecial?: boolean } = {}): TokenId[] {
    const out: TokenId[] = options.addSpecial === true ? [...this.#parts.prefix] : [];
    cutAddedTokens(parts, this.#rawFinder).forEach((section, index) => {
      if (section.kind === "token") out.push(section.token.id);
      else this.#encodeSection(section.runs, index === 0, out);
    });
    if (options.addSpecial === true) out.push(...this.#parts.suffix);
    return out;
  }

  #encodeSection(runs: readonly TextPart[], isFirst: boolean, out: TokenId[]): void {
    const normalize: Normalizer = this.#parts.normalize ?? ((text) => text);
    const sections: Section[] = this.#normalizedFinder.isEmpty
      ? [{ kind: "text", runs: [{ text: normalize(joined(runs)), parseSpecial: false }] }]
      : cutAddedTokens(runs, this.#normalizedFinder, normalize);
    for (const section of sections) {
      if (section.kind === "token") out.push(section.token.id);
      else this.#encodeText(joined(section.runs), isFirst, out);
    }
  }

  #encodeText(text: string, isFirst: boolean, out: TokenId[]): void {
    if (text === "") return;
    const words = this.#parts.preTokenize?.([text], isFirst) ?? [text];
    for (const word of words) this.#parts.model.encode(word, out);
  }

  decode(ids: readonly TokenId[], options: DecodeOptions = {}): string {
    const pieces: Uint8Array[] = [];
    for (const id of ids) {
      const bytes = this.#parts.table.bytes(id);
      if (options.skipSpecial !== true || !this.#specialIds.has(id)) pieces.push(bytes);
    }
    const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(concatenate(pieces));
    const strips = this.#parts.stripsLeadingSpace && options.keepLeadingSpace !== true;
    return strips && text.startsWith(" ") ? text.slice(1) : text;
  }

  idOf(token: string): TokenId {
    const id = this.findId(token);
    if (id === undefined) throw new MissingTokenError(token);
    return id;
  }

  findId(token: string): TokenId | undefined {
    return this.#parts.ids.get(token);
  }

  hasToken(id: TokenId): boolean {
    return this.#parts.table.has(id);
  }

  tokenString(id: TokenId): string {
    return this.#parts.table.string(id);
  }

  tokenBytes(id: TokenId): Uint8Array {
    return this.#parts.table.bytes(id);
  }

  isSpecial(id: TokenId): boolean {
    return this.#specialIds.has(id);
  }
}

function joined(runs: readonly TextPart[]): string {
  return runs.map((run) => run.text).join("");
}

function concatenate(pieces: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}
