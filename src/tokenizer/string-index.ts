import { type TokenId, tokenId } from "../base/brand.ts";
import type { StringList } from "../base/string-list.ts";

/** Ids of tokens by their strings. */
export interface TokenIds {
  get(token: string): TokenId | undefined;
}

const UTF8 = new TextEncoder();
/** UTF-8 takes at most this many bytes for a UTF-16 unit. */
const BYTES_PER_UNIT = 3;

/**
 * Ids by string over the bytes of a vocabulary: open addressing in one typed array. A Map of 250,000 strings would take
 * 30 MB of heap for what is here in 2. The first of equal strings wins.
 */
export class StringIndex implements TokenIds {
  readonly #strings: StringList;
  readonly #slots: Int32Array; // id + 1; 0 where empty
  #scratch = new Uint8Array(256);

  /** `isIndexed` leaves ids out. */
  constructor(strings: StringList, isIndexed: (id: number) => boolean = () => true) {
    this.#strings = strings;
    this.#slots = new Int32Array(2 ** Math.ceil(Math.log2(Math.max(8, strings.length * 2))));
    for (let id = 0; id < strings.length; id++) {
      if (!isIndexed(id)) continue;
      const slot = this.#locate(strings.bytes, strings.startOf(id), strings.endOf(id));
      if (this.#slots[slot] === 0) this.#slots[slot] = id + 1;
    }
  }

  get(token: string): TokenId | undefined {
    const scratch = this.#room(token.length * BYTES_PER_UNIT);
    return this.find(scratch, 0, UTF8.encodeInto(token, scratch).written);
  }

  /** The token that two tokens spell one after the other. */
  joined(left: TokenId, right: TokenId): TokenId | undefined {
    const { bytes } = this.#strings;
    const [leftStart, leftEnd] = [this.#strings.startOf(left), this.#strings.endOf(left)];
    const [rightStart, rightEnd] = [this.#strings.startOf(right), this.#strings.endOf(right)];
    const length = leftEnd - leftStart + rightEnd - rightStart;
    const scratch = this.#room(length);
    let at = 0;
    for (let i = leftStart; i < leftEnd; i++) scratch[at++] = bytes[i];
    for (let i = rightStart; i < rightEnd; i++) scratch[at++] = bytes[i];
    return this.find(scratch, 0, length);
  }

  /** The token that is spelt by the UTF-8 bytes [begin, end). */
  find(bytes: Uint8Array, begin: number, end: number): TokenId | undefined {
    const entry = this.#slots[this.#locate(bytes, begin, end)];
    return entry === 0 ? undefined : tokenId(entry - 1);
  }

  #room(length: number): Uint8Array {
    if (this.#scratch.length < length) this.#scratch = new Uint8Array(length);
    return this.#scratch;
  }

  /** The slot that holds the string, or the empty one where it would go. */
  #locate(bytes: Uint8Array, begin: number, end: number): number {
    const mask = this.#slots.length - 1;
    let hash = end - begin;
    for (let i = begin; i < end; i++) hash = Math.imul(hash ^ bytes[i], 0x01000193); // FNV-1a
    hash ^= hash >>> 15;
    let slot = hash & mask;
    while (this.#slots[slot] !== 0 && !this.#equals(this.#slots[slot] - 1, bytes, begin, end)) slot = (slot + 1) & mask;
    return slot;
  }

  #equals(id: number, bytes: Uint8Array, begin: number, end: number): boolean {
    const start = this.#strings.startOf(id);
    if (this.#strings.endOf(id) - start !== end - begin) return false;
    const own = this.#strings.bytes;
    for (let i = begin; i < end; i++) if (own[start + i - begin] !== bytes[i]) return false;
    return true;
  }
}
