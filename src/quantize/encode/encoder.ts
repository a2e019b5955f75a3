/**
 * Stores whole blocks. `values` is a whole number of rows of `rowLength`, `out` has exactly the bytes they take.
 * `importance` weighs the columns of a row (mean squared activations); encoders that cannot use it ignore it.
 */
export type Encoder = (input: EncoderInput, out: Uint8Array) => void;

/** Rows to be stored. */
export interface EncoderInput {
  readonly values: Float32Array;
  readonly rowLength: number;
  readonly importance?: Float32Array;
}

/** Writes 16 bits at `offset`, low byte first. */
export function writeUint16(out: Uint8Array, offset: number, bits: number): void {
  out[offset] = bits;
  out[offset + 1] = bits >>> 8;
}

/** Writes 32 bits at `offset`, low byte first. */
export function writeUint32(out: Uint8Array, offset: number, bits: number): void {
  writeUint16(out, offset, bits);
  writeUint16(out, offset + 2, bits >>> 16);
}
