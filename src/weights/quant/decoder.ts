import { float16ToNumber } from "../../base/float16.ts";

/**
 * Writes the numbers of whole blocks into `out`, whose length is blocks × elements.
 * Products of a float16 scale, a small integer scale and a quant have at most 25 bits, so they are exact in the double
 * arithmetic used here and only the store into `out` rounds: the result is the one float32 arithmetic gives.
 */
export type Decoder = (bytes: Uint8Array, out: Float32Array<ArrayBuffer>) => void;

/** The float16 at `offset`. */
export function scaleAt(bytes: Uint8Array, offset: number): number {
  return float16ToNumber(bytes[offset] | (bytes[offset + 1] << 8));
}

/** The signed byte at `offset`. */
export function int8At(bytes: Uint8Array, offset: number): number {
  return (bytes[offset] << 24) >> 24;
}
