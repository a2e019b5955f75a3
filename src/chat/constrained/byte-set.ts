/** A set of byte values as 256 bits. */
export type ByteSet = Uint32Array;

/** Bytes from `from` to `to`, both included. */
export function byteRange(from: number, to: number): ByteSet {
  const set = new Uint32Array(8);
  for (let byte = from; byte <= to; byte++) set[byte >> 5] |= 1 << (byte & 31);
  return set;
}

/** The characters of an ASCII string. */
export function bytesIn(characters: string): ByteSet {
  const set = new Uint32Array(8);
  for (let i = 0; i < characters.length; i++)
    set[characters.charCodeAt(i) >> 5] |= 1 << (characters.charCodeAt(i) & 31);
  return set;
}

export function hasByte(set: ByteSet, byte: number): boolean {
  return ((set[byte >> 5] >>> (byte & 31)) & 1) === 1;
}

export function isEmptySet(set: ByteSet): boolean {
  return set.every((word) => word === 0);
}
