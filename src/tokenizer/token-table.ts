import type { TokenId } from "../base/brand.ts";
import type { StringList } from "../base/string-list.ts";
import { ByteAlphabet } from "./byte-alphabet.ts";
import { TokenIdError } from "./errors.ts";
import { SPACE_MARK } from "./normalizer.ts";

const UTF8 = new TextEncoder();

/** How a vocabulary string becomes bytes of text. */
export type TokenSpelling = "byteAlphabet" | "spaceMark";

export interface TokenTableParts {
  readonly strings: StringList;
  readonly spelling: TokenSpelling;
  /** True where the string is the text itself: added tokens. */
  readonly isLiteral: (id: number) => boolean;
  readonly byteOfId: ReadonlyMap<number, number>;
  /** True where an id has no token; every id has one by default. */
  readonly isGap?: (id: number) => boolean;
}

/** The strings of a vocabulary by id, and the bytes each stands for. */
export class TokenTable {
  readonly size: number;
  readonly #parts: TokenTableParts;
  readonly #alphabet = new ByteAlphabet();

  constructor(parts: TokenTableParts) {
    this.size = parts.strings.length;
    this.#parts = parts;
  }

  has(id: TokenId): boolean {
    return Number.isInteger(id) && id >= 0 && id < this.size && this.#parts.isGap?.(id) !== true;
  }

  /** Throws TokenIdError. */
  string(id: TokenId): string {
    const found = this.has(id) ? this.#parts.strings.at(id) : undefined;
    if (found === undefined) throw new TokenIdError(id, this.size);
    return found;
  }

  /** Throws TokenIdError. */
  bytes(id: TokenId): Uint8Array {
    const text = this.string(id);
    const byte = this.#parts.byteOfId.get(id);
    if (byte !== undefined) return Uint8Array.of(byte);
    if (this.#parts.isLiteral(id)) return UTF8.encode(text);
    if (this.#parts.spelling === "byteAlphabet") return this.#alphabet.toBytes(this.#parts.strings.bytesAt(id));
    return UTF8.encode(text.replaceAll(SPACE_MARK, " "));
  }
}
