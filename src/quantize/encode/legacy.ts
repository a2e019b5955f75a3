import { numberToFloat16 } from "../../base/float16.ts";
import { type Encoder, writeUint16, writeUint32 } from "./encoder.ts";

// Blocks of 32. These follow the published rules to the bit, so every operation rounds to float32 as theirs does.

const f = Math.fround;

/** 1/d in float32, and 0 for a block of zeros. */
function inverse(d: number): number {
  return d === 0 ? 0 : f(1 / d);
}

/** Half away from zero, as C's roundf. */
function roundAway(x: number): number {
  return x < 0 ? -Math.floor(0.5 - x) : Math.floor(0.5 + x);
}

/** Q8_0: d = max|x|/127. */
export const encodeQ8x0: Encoder = ({ values }, out) => {
  for (let x = 0, at = 0; x < values.length; x += 32, at += 34) {
    let largest = 0;
    for (let j = 0; j < 32; j++) largest = Math.max(largest, Math.abs(values[x + j]));
    const d = f(largest / 127);
    const scale = inverse(d);
    writeUint16(out, at, numberToFloat16(d));
    for (let j = 0; j < 32; j++) out[at + 2 + j] = roundAway(f(values[x + j] * scale));
  }
};

/** Q4_0: the element of largest magnitude becomes −8. */
export const encodeQ4x0: Encoder = ({ values }, out) => {
  for (let x = 0, at = 0; x < values.length; x += 32, at += 18) {
    const d = f(extreme(values, x) / -8);
    const scale = inverse(d);
    writeUint16(out, at, numberToFloat16(d));
    const quant = (j: number): number => Math.min(15, Math.trunc(f(f(values[x + j] * scale) + 8.5)));
    for (let j = 0; j < 16; j++) out[at + 2 + j] = quant(j) | (quant(j + 16) << 4);
  }
};

/** Q5_0: the element of largest magnitude becomes −16. */
export const encodeQ5x0: Encoder = ({ values }, out) => {
  for (let x = 0, at = 0; x < values.length; x += 32, at += 22) {
    const d = f(extreme(values, x) / -16);
    const scale = inverse(d);
    writeUint16(out, at, numberToFloat16(d));
    writeFiveBits(out, at + 2, (j) => Math.min(31, Math.trunc(f(f(values[x + j] * scale) + 16.5))));
  }
};

/** Q5_1: d = (max − min)/31, m = min. */
export const encodeQ5x1: Encoder = ({ values }, out) => {
  for (let x = 0, at = 0; x < values.length; x += 32, at += 24) {
    const block = values.subarray(x, x + 32);
    const min = block.reduce((a, b) => Math.min(a, b));
    const d = f(f(block.reduce((a, b) => Math.max(a, b)) - min) / 31);
    const scale = inverse(d);
    writeUint16(out, at, numberToFloat16(d));
    writeUint16(out, at + 2, numberToFloat16(min));
    writeFiveBits(out, at + 4, (j) => Math.min(31, Math.trunc(f(f(f(block[j] - min) * scale) + 0.5))));
  }
};

/** The signed element of largest magnitude of the block at `start`; the first one of equals. */
function extreme(values: Float32Array, start: number): number {
  let found = 0;
  for (let j = 0; j < 32; j++) {
    if (Math.abs(values[start + j]) > Math.abs(found)) found = values[start + j];
  }
  return found;
}

/** 32 five-bit quants: their high bits as a u32, then their nibbles. */
function writeFiveBits(out: Uint8Array, at: number, quant: (j: number) => number): void {
  let high = 0;
  for (let j = 0; j < 16; j++) {
    const low = quant(j);
    const upper = quant(j + 16);
    out[at + 4 + j] = (low & 15) | ((upper & 15) << 4);
    high |= (low >> 4) << j;
    high |= (upper >> 4) << (j + 16);
  }
  writeUint32(out, at, high);
}
