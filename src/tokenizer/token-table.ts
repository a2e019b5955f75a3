import { type TokenId, tokenId } from "../base/brand.ts";
import { ByteAlphabet } from "./byte-alphabet.ts";
import { TokenIdError } from "./errors.ts";
import { SPACE_MARK } from "./normalizer.ts";

const UTF8 = new TextEncoder();

/** How a vocabulary string becomes bytes of text. */
export type TokenSpelling = "byteAlphabet" | "spaceMark";

/** The strings of a vocabulary by id, and the bytes each stands for. */
export class TokenTable {
  readonly size: number;
  readonly #strings: readonly (string | undefined)[];
  readonly #spelling: TokenSpelling;
  /** Ids whose string is the text itself: added tokens. */
  readonly #literalIds: ReadonlySet<number>;
  readonly #byteOfId: ReadonlyMap<number, number>;
  readonly #alphabet = new ByteAlphabet();
  readonly #bytes = new Map<number, Uint8Array>();

  constructor(parts: {
    readonly strings: readonly (string | undefined)[];
    readonly spelling: TokenSpelling;
    readonly literalIds: ReadonlySet<number>;
    readonly byteOfId: ReadonlyMap<number, number>;
  }) {
    this.size = parts.strings.length;
    this.#strings = parts.strings;
    this.#spelling = parts.spelling;
    this.#literalIds = parts.literalIds;
    this.#byteOfId = parts.byteOfId;
  }

  has(id: TokenId): boolean {
    return this.#strings[id] !== undefined;
  }

  /** Throws TokenIdError. */
  string(id: TokenId): string {
    const found = this.#strings[id];
    if (found === undefined) throw new TokenIdError(id, this.size);
    return found;
  }

  /** Throws TokenIdError. */
  bytes(id: TokenId): Uint8Array {
    let bytes = this.#bytes.get(id);
    if (bytes === undefined) {
      bytes = this.#spell(id);
      this.#bytes.set(id, bytes);
    }
    return bytes;
  }

  #spell(id: TokenId): Uint8Array {
    const text = this.string(id);
    const byte = this.#byteOfId.get(id);
    if (byte !== undefined) return Uint8Array.of(byte);
    if (this.#literalIds.has(id)) return UTF8.encode(text);
    if (this.#spelling === "byteAlphabet") return this.#alphabet.toBytes(text);
    return UTF8.encode(text.replaceAll(SPACE_MARK, " "));
  }
}

/** Ids by token string; the first id wins where a file repeats a string. */
export function idsByString(strings: readonly (string | undefined)[]): Map<string, TokenId> {
  const ids = new Map<string, TokenId>();
  strings.forEach((text, id) => {
    if (text !== undefined && !ids.has(text)) ids.set(text, tokenId(id));
  });
  return ids;
}
