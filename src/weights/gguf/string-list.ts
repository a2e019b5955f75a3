const encoder = new TextEncoder();

/**
 * Strings kept as their UTF-8 bytes, decoded when asked for: a vocabulary of 250,000 tokens costs two allocations.
 * `ends` holds the end offset of each string in `bytes`.
 */
export class StringList implements Iterable<string> {
  readonly length: number;
  readonly #bytes: Uint8Array;
  readonly #ends: Uint32Array;
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });

  constructor(bytes: Uint8Array, ends: Uint32Array) {
    this.length = ends.length;
    this.#bytes = bytes;
    this.#ends = ends;
  }

  /** Packs strings the way a file holds them. */
  static from(strings: readonly string[]): StringList {
    const encoded = strings.map((text) => encoder.encode(text));
    const ends = new Uint32Array(strings.length);
    let end = 0;
    for (const [index, part] of encoded.entries()) {
      end += part.length;
      ends[index] = end;
    }
    const bytes = new Uint8Array(end);
    for (const [index, part] of encoded.entries()) bytes.set(part, ends[index] - part.length);
    return new StringList(bytes, ends);
  }

  /** The string at `index`, or undefined past the end. Invalid UTF-8 becomes U+FFFD; `bytesAt` has the bytes. */
  at(index: number): string | undefined {
    return index >= 0 && index < this.length ? this.#decoder.decode(this.bytesAt(index)) : undefined;
  }

  /** UTF-8 bytes of the string at `index`; a view, not a copy. */
  bytesAt(index: number): Uint8Array {
    return this.#bytes.subarray(index === 0 ? 0 : this.#ends[index - 1], this.#ends[index]);
  }

  toArray(): string[] {
    return Array.from(this);
  }

  *[Symbol.iterator](): Iterator<string> {
    for (let index = 0; index < this.length; index++) yield this.#decoder.decode(this.bytesAt(index));
  }
}
