import { float16ToNumber, numberToFloat16 } from "../../base/float16.ts";
import { type Encoder, writeUint16 } from "./encoder.ts";

// Q6_K: super-blocks of 256, sixteen sub-blocks of 16 with signed eight-bit scales and quants −32…31.

const SUB_BLOCKS = 16;
const SUB_LENGTH = 16;
const BLOCK_BYTES = 210;
/** Trial quotients (32 + i/10)/extreme; the plain one first, so that it wins ties. */
const TRIALS = [0, ...Array.from({ length: 9 }, (_, i) => [i + 1, -i - 1]).flat()];
/** A gain must be larger by more than rounding noise. */
const NOISE = 1 + 1e-9;

/** Q6_K: ql[128] qh[64] scales[16] d[2]. */
export const encodeQ6K: Encoder = ({ values, rowLength, importance }, out) => {
  const quants = new Uint8Array(256);
  const weights = new Float32Array(256);
  for (let start = 0, at = 0; start < values.length; start += 256, at += BLOCK_BYTES) {
    const block = values.subarray(start, start + 256);
    const column = start % rowLength;
    if (importance !== undefined) weights.set(importance.subarray(column, column + 256));
    else for (let i = 0; i < 256; i++) weights[i] = block[i] * block[i];
    encodeBlock(block, weights, out, at, quants);
    pack(quants, out, at);
  }
};

function encodeBlock(
  block: Float32Array,
  weights: Float32Array,
  out: Uint8Array,
  at: number,
  quants: Uint8Array,
): void {
  const parts = Array.from({ length: SUB_BLOCKS }, (_, s) => ({
    from: SUB_LENGTH * s,
    values: block.subarray(SUB_LENGTH * s, SUB_LENGTH * (s + 1)),
    weights: weights.subarray(SUB_LENGTH * s, SUB_LENGTH * (s + 1)),
  }));
  const scales = parts.map((part) => fitSymmetric(part.values, part.weights));
  const largest = scales.reduce((a, b) => (Math.abs(b) > Math.abs(a) ? b : a), 0);
  // the largest scale becomes −128, the end of the int8 range that is one longer
  let bits = numberToFloat16(largest / -128);
  // a subnormal d may round to much less than it should be: the next one up then reaches the largest scale
  if ((bits & 0x7fff) < 0x0400 && Math.abs(float16ToNumber(bits)) * 128 < Math.abs(largest)) bits++;
  writeUint16(out, at + 208, bits);
  const d = float16ToNumber(bits);
  for (const [s, part] of parts.entries()) {
    const scale = d === 0 ? 0 : bestScale(part.values, part.weights, scales[s] / d, d);
    out[at + 192 + s] = scale;
    const inverse = d * scale === 0 ? 0 : 1 / (d * scale);
    for (let i = 0; i < SUB_LENGTH; i++) quants[part.from + i] = nearest(inverse * part.values[i]) + 32;
  }
}

/** The scale of x ≈ scale·q that weighted least squares gives for the best of the trial quotients. */
function fitSymmetric(values: Float32Array, weights: Float32Array): number {
  let extreme = 0;
  for (const value of values) if (Math.abs(value) > Math.abs(extreme)) extreme = value;
  if (extreme === 0) return 0;
  let best = extreme / -32;
  let bestGain = 0;
  for (const trial of TRIALS) {
    const quotient = -(32 + trial / 10) / extreme;
    let xq = 0;
    let qq = 0;
    for (let i = 0; i < values.length; i++) {
      const quant = nearest(quotient * values[i]);
      const weighted = weights[i] * quant;
      xq += weighted * values[i];
      qq += weighted * quant;
    }
    // error = Sxx − xq²/qq, and Sxx is the same for all trials
    if (qq > 0 && (xq * xq) / qq > bestGain * NOISE) {
      bestGain = (xq * xq) / qq;
      best = xq / qq;
    }
  }
  return best;
}

/** The int8 scale next to `ideal` with the smallest error once the quants are rounded again. */
function bestScale(values: Float32Array, weights: Float32Array, ideal: number, d: number): number {
  const middle = Math.min(127, Math.max(-128, Math.round(ideal)));
  let best = 0;
  let bestError = Infinity;
  for (let scale = Math.max(-128, middle - 1); scale <= Math.min(127, middle + 1); scale++) {
    let error = 0;
    const step = d * scale;
    const inverse = step === 0 ? 0 : 1 / step;
    for (let i = 0; i < values.length; i++) {
      const difference = step * nearest(inverse * values[i]) - values[i];
      error += weights[i] * difference * difference;
    }
    if (error < bestError) {
      bestError = error;
      best = scale;
    }
  }
  return best;
}

/** The nearest of −32…31. Branches, as `Math.min` costs four times as much in this innermost loop. */
function nearest(quotient: number): number {
  const quant = Math.floor(quotient + 0.5);
  if (quant > 31) return 31;
  if (quant < -32) return -32;
  return quant;
}

/** Quants 0…63 of two halves: 32 bytes of ql hold the low nibbles of quarters k and k + 2, qh two bits of all four. */
function pack(quants: Uint8Array, out: Uint8Array, at: number): void {
  for (let half = 0; half < 2; half++) {
    for (let i = 0; i < 32; i++) {
      const from = 128 * half + i;
      const q0 = quants[from];
      const q1 = quants[from + 32];
      const q2 = quants[from + 64];
      const q3 = quants[from + 96];
      out[at + 64 * half + i] = (q0 & 15) | ((q2 & 15) << 4);
      out[at + 64 * half + i + 32] = (q1 & 15) | ((q3 & 15) << 4);
      out[at + 128 + 32 * half + i] = (q0 >> 4) | ((q1 >> 4) << 2) | ((q2 >> 4) << 4) | ((q3 >> 4) << 6);
    }
  }
}
