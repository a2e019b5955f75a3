import { ImageCorruptError, ImageTruncatedError } from "../errors.ts";
import type { HuffmanTable } from "./huffman.ts";
import { LOOKAHEAD_BITS } from "./huffman.ts";

/** Reads the entropy-coded bits of a scan: removes stuffed zero bytes and stops at the next marker. */
export class BitReader {
  /** Offset of the next unread byte; at the marker once the segment has been used up. */
  position: number;
  private readonly bytes: Uint8Array;
  private buffer = 0;
  private bitCount = 0;

  constructor(bytes: Uint8Array, position: number) {
    this.bytes = bytes;
    this.position = position;
  }

  /** One symbol of a Huffman code. Throws ImageCorruptError for a code that the table lacks. */
  symbol(table: HuffmanTable): number {
    if (this.bitCount < 16) this.fill();
    const { bitCount, buffer } = this;
    const shift = bitCount - LOOKAHEAD_BITS;
    const ahead = (shift >= 0 ? buffer >>> shift : buffer << -shift) & ((1 << LOOKAHEAD_BITS) - 1);
    const entry = table.lookup[ahead];
    const length = entry >> 8;
    if (length === 0) return this.longSymbol(table);
    if (length > bitCount) this.failAtEnd();
    this.bitCount = bitCount - length;
    return entry & 255;
  }

  /** `count` bits (0…16) as an unsigned number. */
  bits(count: number): number {
    if (this.bitCount < count) {
      this.fill();
      if (this.bitCount < count) this.failAtEnd();
    }
    this.bitCount -= count;
    return (this.buffer >>> this.bitCount) & ((1 << count) - 1);
  }

  /** `count` bits as JPEG's signed magnitude: a leading 0 means negative (T.81 F.2.2.1). */
  signedBits(count: number): number {
    if (count === 0) return 0;
    const value = this.bits(count);
    return value < 1 << (count - 1) ? value - (1 << count) + 1 : value;
  }

  /** Drops the padding bits and steps over the restart marker with the given number. */
  restart(index: number): void {
    this.buffer = 0;
    this.bitCount = 0;
    const marker = this.skipToMarker();
    if (marker !== 0xd0 + index) {
      throw new ImageCorruptError(`The JPEG has marker ${hex(marker)} where restart ${index} was due.`);
    }
    this.position += 2;
  }

  /** Moves to the next marker (its 0xff byte) and returns its code; throws ImageTruncatedError without one. */
  skipToMarker(): number {
    const { bytes } = this;
    for (let at = this.position; at + 1 < bytes.length; at++) {
      const code = bytes[at + 1];
      if (bytes[at] === 0xff && code !== 0 && code !== 0xff) {
        this.position = at;
        return code;
      }
    }
    throw new ImageTruncatedError("The JPEG ends inside its picture data.");
  }

  private fill(): void {
    const { bytes } = this;
    while (this.bitCount <= 24 && this.position < bytes.length) {
      const byte = bytes[this.position];
      if (byte === 0xff) {
        const next = bytes[this.position + 1];
        if (next === 0xff) {
          this.position += 1; // fill bytes may precede a marker
          continue;
        }
        if (next !== 0) return;
        this.position += 1;
      }
      this.position += 1;
      this.buffer = (this.buffer << 8) | byte;
      this.bitCount += 8;
    }
  }

  // codes longer than the lookahead, one bit at a time (T.81 F.2.2.3)
  private longSymbol(table: HuffmanTable): number {
    let code = 0;
    for (let length = 1; length <= 16; length++) {
      code = (code << 1) | this.bits(1);
      if (code <= table.maxCode[length]) return table.symbols[table.firstSymbol[length] + code];
    }
    throw new ImageCorruptError("The JPEG has a Huffman code that its table does not define.");
  }

  private failAtEnd(): never {
    if (this.position + 1 >= this.bytes.length) throw new ImageTruncatedError("The JPEG ends inside its picture data.");
    throw new ImageCorruptError(
      `The JPEG's picture data stops early, at marker ${hex(this.bytes[this.position + 1])}.`,
    );
  }
}

function hex(marker: number): string {
  return `0xff${marker.toString(16).padStart(2, "0")}`;
}
