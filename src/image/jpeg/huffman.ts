import { ImageCorruptError } from "../errors.ts";

/** Codes up to this length are decoded with one table read. */
export const LOOKAHEAD_BITS = 9;

/** A canonical Huffman code prepared for decoding. */
export interface HuffmanTable {
  /** By the next LOOKAHEAD_BITS bits: length << 8 | symbol, or 0 where the code is longer. */
  readonly lookup: Uint16Array;
  /** Largest code of each length, −1 where there is none. */
  readonly maxCode: Int32Array;
  /** Symbol index of a code of each length is firstSymbol + code. */
  readonly firstSymbol: Int32Array;
  readonly symbols: Uint8Array;
}

/** Builds the code of T.81 annex C from the 16 counts by length. Throws ImageCorruptError for an impossible code. */
export function huffmanTable(counts: Uint8Array, symbols: Uint8Array): HuffmanTable {
  const lookup = new Uint16Array(1 << LOOKAHEAD_BITS);
  const maxCode = new Int32Array(17).fill(-1);
  const firstSymbol = new Int32Array(17);
  let code = 0;
  let index = 0;
  for (let length = 1; length <= 16; length++) {
    const count = counts[length - 1];
    if (code + count > 1 << length) throw new ImageCorruptError("The JPEG has an impossible Huffman table.");
    firstSymbol[length] = index - code;
    if (count > 0) maxCode[length] = code + count - 1;
    if (length <= LOOKAHEAD_BITS) {
      const spread = 1 << (LOOKAHEAD_BITS - length);
      for (let i = 0; i < count; i++) {
        lookup.fill((length << 8) | symbols[index + i], (code + i) * spread, (code + i + 1) * spread);
      }
    }
    index += count;
    code = (code + count) << 1;
  }
  return { lookup, maxCode, firstSymbol, symbols };
}
