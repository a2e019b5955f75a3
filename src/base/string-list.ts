const encoder = new TextEncoder();
/** UTF-8 takes at most this many bytes for a UTF-16 unit. */
const BYTES_PER_UNIT = 3;

/**
 * Strings kept as their UTF-8 bytes, decoded when asked for: a vocabulary of 250,000 tokens costs two allocations.
 * `ends` holds the end offset of each string in `bytes`.
 */
export class StringList implements Iterable<string> {
  readonly length: number;
  /** All strings one after the other. */
  readonly bytes: Uint8Array;
  readonly #ends: Uint32Array;
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });

  constructor(bytes: Uint8Array, ends: Uint32Array) {
    this.length = ends.length;
    this.bytes = bytes;
    this.#ends = ends;
  }

  /** Packs strings the way a file holds them. */
  static from(strings: readonly string[]): StringList {
    const bytes = new Uint8Array(strings.reduce((sum, text) => sum + text.length, 0) * BYTES_PER_UNIT);
    const ends = new Uint32Array(strings.length);
    let end = 0;
    for (const [index, text] of strings.entries()) {
      end += encoder.encodeInto(text, bytes.subarray(end)).written;
      ends[index] = end;
    }
    return new StringList(bytes.slice(0, end), ends);
  }

  /** The string at `index`, or undefined past the end. Invalid UTF-8 becomes U+FFFD; `bytesAt` has the bytes. */
  at(index: number): string | undefined {
    return index >= 0 && index < this.length ? this.#decoder.decode(this.bytesAt(index)) : undefined;
  }

  /** Where the string at `index` begins in `bytes`, and where it ends. */
  startOf(index: number): number {
    return index === 0 ? 0 : this.#ends[index - 1];
  }

  endOf(index: number): number {
    return this.#ends[index];
  }

  /** UTF-8 bytes of the string at `index`; a view, not a copy. */
  bytesAt(index: number): Uint8Array {
    return this.bytes.subarray(this.startOf(index), this.endOf(index));
  }

  toArray(): string[] {
    return Array.from(this);
  }

  *[Symbol.iterator](): Iterator<string> {
    for (let index = 0; index < this.length; index++) yield this.#decoder.decode(this.bytesAt(index));
  }
}
