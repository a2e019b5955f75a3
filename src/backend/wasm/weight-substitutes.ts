import { InvariantError } from "../../base/errors.ts";
import { float16ToNumber, numberToFloat16 } from "../../base/float16.ts";
import { STORAGE_BLOCKS } from "../../tensor/dtype.ts";
import type { SubstitutedType } from "./weight-layout.ts";

/**
 * Rows of a type without a kernel, written in the format of one (weight-layout.ts): quants are what the decoded values are
 * in units of their scale, which is read from the file, so that nothing is rounded but IQ4_XS's product of scales.
 */
export function substituteRows(type: SubstitutedType, bytes: Uint8Array, values: Float32Array): Uint8Array {
  switch (type) {
    case "Q5_0":
    case "IQ4_NL":
      return toQ80(values, (block) => half(bytes, block * STORAGE_BLOCKS[type].bytes));
    case "IQ4_XS":
      return toQ80(values, (block) => scaleOfIq4Xs(bytes, block));
    case "Q3_K":
      return toQ6K(bytes, values);
    default:
      throw new InvariantError(`${type} is kept as floats.`);
  }
}

const half = (bytes: Uint8Array, at: number): number => float16ToNumber(bytes[at] | (bytes[at + 1] << 8));

const Q8_BLOCK = 32;
const Q8_BYTES = 34;

function toQ80(values: Float32Array, scaleOf: (block: number) => number): Uint8Array {
  const blocks = values.length / Q8_BLOCK;
  const rows = new Uint8Array(blocks * Q8_BYTES);
  for (let block = 0; block < blocks; block++) {
    const at = block * Q8_BYTES;
    const exact = scaleOf(block);
    const bits = numberToFloat16(exact);
    rows[at] = bits & 255;
    rows[at + 1] = bits >> 8;
    const inverse = exact === 0 ? 0 : 1 / exact;
    for (let i = 0; i < Q8_BLOCK; i++) rows[at + 2 + i] = Math.round(values[block * Q8_BLOCK + i] * inverse);
  }
  return rows;
}

const SUPER_BLOCK = 256;

/** d · (six-bit scale − 32) of the 32 values of a sub-block. ggml's block_iq4_xs: d, high bits, low bits, quants. */
function scaleOfIq4Xs(bytes: Uint8Array, block: number): number {
  const at = Math.floor(block / 8) * STORAGE_BLOCKS.IQ4_XS.bytes;
  const sub = block % 8;
  const low = (bytes[at + 4 + (sub >> 1)] >> (4 * (sub & 1))) & 15;
  const high = ((bytes[at + 2] | (bytes[at + 3] << 8)) >> (2 * sub)) & 3;
  return half(bytes, at) * ((low | (high << 4)) - 32);
}

// ggml's block_q6_K: low nibbles of 128 values in 64 bytes, twice; two high bits of each; scales of 16; d
const Q6_HIGH = 128;
const Q6_SCALES = 192;
const Q6_D = 208;
const Q6_ZERO = 32;
// ggml's block_q3_K: high bits, two low bits, twelve bytes of six-bit scales, d
const Q3_SCALES = 96;
const Q3_D = 108;
const SCALE_ZERO = 32;

function scaleOfQ3K(bytes: Uint8Array, at: number, sub: number): number {
  const low = (bytes[at + Q3_SCALES + (sub & 7)] >> (sub < 8 ? 0 : 4)) & 15;
  const high = (bytes[at + Q3_SCALES + 8 + (sub & 3)] >> (2 * (sub >> 2))) & 3;
  return (low | (high << 4)) - SCALE_ZERO;
}

function toQ6K(bytes: Uint8Array, values: Float32Array): Uint8Array {
  const blocks = values.length / SUPER_BLOCK;
  const { bytes: toBytes } = STORAGE_BLOCKS.Q6_K;
  const rows = new Uint8Array(blocks * toBytes);
  for (let block = 0; block < blocks; block++) {
    const from = block * STORAGE_BLOCKS.Q3_K.bytes;
    const to = block * toBytes;
    const d = half(bytes, from + Q3_D);
    rows[to + Q6_D] = bytes[from + Q3_D];
    rows[to + Q6_D + 1] = bytes[from + Q3_D + 1];
    for (let sub = 0; sub < 16; sub++) {
      const scale = scaleOfQ3K(bytes, from, sub);
      rows[to + Q6_SCALES + sub] = scale;
      const unit = d * scale;
      for (let i = sub * 16; i < sub * 16 + 16; i++) {
        const value = unit === 0 ? 0 : Math.round(values[block * SUPER_BLOCK + i] / unit);
        putQ6(rows, to, i, value + Q6_ZERO);
      }
    }
  }
  return rows;
}

function putQ6(rows: Uint8Array, block: number, i: number, q: number): void {
  const [group, part, l] = [i >> 7, (i >> 5) & 3, i & 31];
  rows[block + group * 64 + (part & 1) * 32 + l] |= (q & 15) << (part < 2 ? 0 : 4);
  rows[block + Q6_HIGH + group * 32 + l] |= (q >> 4) << (2 * part);
}
