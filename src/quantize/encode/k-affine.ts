import { float16ToNumber, numberToFloat16 } from "../../base/float16.ts";
import { type AffineFit, affineError, fitAffine, inverseOf, nearestQuant, type ScaleSearch } from "./affine-fit.ts";
import { type Encoder, type EncoderInput, writeUint16 } from "./encoder.ts";

// Q4_K and Q5_K: super-blocks of 256, eight sub-blocks of 32 with six-bit scales and mins.

const SUB_BLOCKS = 8;
const SUB_LENGTH = 32;
const MAX_SCALE = 63;
/** Moves by one step in scale or min that may follow each other when the rounded pair is improved. */
const MAX_MOVES = 6;
const NEIGHBOURS = [
  [1, 0],
  [-1, 0],
  [0, 1],
  [0, -1],
] as const;

const WITH_IMPORTANCE: ScaleSearch = { from: -0.9, step: 0.05, count: 36 };

/** Q4_K: d[2] dmin[2] scales[12] qs[128]. */
export const encodeQ4K: Encoder = (input, out) => {
  const search = input.importance === undefined ? { from: -1, step: 0.1, count: 20 } : WITH_IMPORTANCE;
  encodeBlocks(input, { out, blockBytes: 144, maxQuant: 15, search }, (quants, at) => {
    packNibbles(quants, out, at + 16);
  });
};

/** Q5_K: d[2] dmin[2] scales[12] qh[32] qs[128]; the fifth bit of sub-block s in bit s of qh. */
export const encodeQ5K: Encoder = (input, out) => {
  const search = input.importance === undefined ? { from: -0.5, step: 0.1, count: 15 } : WITH_IMPORTANCE;
  encodeBlocks(input, { out, blockBytes: 176, maxQuant: 31, search }, (quants, at) => {
    out.fill(0, at + 16, at + 48);
    for (let i = 0; i < quants.length; i++) out[at + 16 + (i % 32)] |= (quants[i] >> 4) << (i >> 5);
    packNibbles(quants, out, at + 48);
  });
};

/** Pairs of sub-blocks share 32 bytes: low nibbles the first, high nibbles the second. */
function packNibbles(quants: Uint8Array, out: Uint8Array, at: number): void {
  for (let i = 0; i < 128; i++) {
    const first = 64 * (i >> 5) + (i & 31);
    out[at + i] = (quants[first] & 15) | ((quants[first + 32] & 15) << 4);
  }
}

interface Target {
  readonly out: Uint8Array;
  readonly blockBytes: number;
  readonly maxQuant: number;
  readonly search: ScaleSearch;
}

function encodeBlocks(input: EncoderInput, target: Target, pack: (quants: Uint8Array, at: number) => void): void {
  const { values, rowLength, importance } = input;
  const quants = new Uint8Array(256);
  const weights = new Float32Array(256);
  for (let start = 0, at = 0; start < values.length; start += 256, at += target.blockBytes) {
    const block = values.subarray(start, start + 256);
    const column = start % rowLength;
    if (importance !== undefined) weights.set(importance.subarray(column, column + 256));
    else for (let s = 0; s < SUB_BLOCKS; s++) weighByMagnitude(block, s, weights);
    encodeBlock(block, weights, target, at, quants);
    pack(quants, at);
  }
}

/**
 * w = √(mean x²) + |x| over the sub-block: large values matter more, small ones are not ignored (llama.cpp's choice).
 * With importance the weight is the importance alone, whose weighted error is the error of the layer's output to
 * second order; multiplied by the magnitude, as llama.cpp does, that error came out up to 4 % larger.
 */
function weighByMagnitude(block: Float32Array, s: number, weights: Float32Array): void {
  const { from, to } = subBlock(s);
  let squares = 0;
  for (let i = from; i < to; i++) squares += block[i] * block[i];
  const spread = Math.sqrt(squares / SUB_LENGTH);
  for (let i = from; i < to; i++) weights[i] = spread + Math.abs(block[i]);
}

function subBlock(s: number): { from: number; to: number } {
  return { from: SUB_LENGTH * s, to: SUB_LENGTH * (s + 1) };
}

/** A sub-block of the values to be stored. */
interface Part {
  readonly values: Float32Array;
  readonly weights: Float32Array;
}

/** A whole super-block's choice: float16 bits of d and dmin, and per sub-block six-bit scale and min. */
interface Choice {
  readonly dBits: number;
  readonly dminBits: number;
  readonly pairs: readonly (readonly [scale: number, min: number])[];
  readonly error: number;
}

function encodeBlock(block: Float32Array, weights: Float32Array, target: Target, at: number, quants: Uint8Array): void {
  const { out, maxQuant, search } = target;
  const parts = Array.from({ length: SUB_BLOCKS }, (_, s): Part => {
    const { from, to } = subBlock(s);
    return { values: block.subarray(from, to), weights: weights.subarray(from, to) };
  });
  const fits = parts.map((part) => fitAffine(part.values, part.weights, maxQuant, search));
  const first = choose(
    parts,
    fits,
    superScale(fits.map((fit) => fit.scale)),
    superScale(fits.map((fit) => fit.min)),
    maxQuant,
  );
  const refined = refit(parts, fits, first, maxQuant);
  const { dBits, dminBits, pairs } = refined.error < first.error ? refined : first;
  writeUint16(out, at, dBits);
  writeUint16(out, at + 2, dminBits);
  out.fill(0, at + 4, at + 16);
  const d = float16ToNumber(dBits);
  const dmin = float16ToNumber(dminBits);
  for (const [s, [scale, min]] of pairs.entries()) {
    packScaleAndMin(out, at + 4, s, scale, min);
    const { values } = parts[s];
    const inverse = inverseOf(d * scale);
    for (let i = 0; i < SUB_LENGTH; i++) {
      quants[SUB_LENGTH * s + i] = nearestQuant(values[i], inverse, dmin * min, maxQuant);
    }
  }
}

function choose(
  parts: readonly Part[],
  fits: readonly AffineFit[],
  dBits: number,
  dminBits: number,
  maxQuant: number,
): Choice {
  const d = float16ToNumber(dBits);
  const dmin = float16ToNumber(dminBits);
  let total = 0;
  const pairs = parts.map(({ values, weights }, s) => {
    const error = (scale: number, min: number): number =>
      affineError(values, weights, { scale: d * scale, min: dmin * min }, maxQuant);
    const found = improve(sixBits(fits[s].scale, d), sixBits(fits[s].min, dmin), error);
    total += found.error;
    return found.pair;
  });
  return { dBits, dminBits, pairs, error: total };
}

/** Least squares over (d, dmin) with all integers held, then the integers once more. */
function refit(parts: readonly Part[], fits: readonly AffineFit[], choice: Choice, maxQuant: number): Choice {
  const d = float16ToNumber(choice.dBits);
  const dmin = float16ToNumber(choice.dminBits);
  let aa = 0; // a = scale·q, the factor of d
  let am = 0; // m = min, the factor of −dmin
  let mm = 0;
  let ax = 0;
  let mx = 0;
  for (const [s, { values, weights }] of parts.entries()) {
    const [scale, m] = choice.pairs[s];
    const inverse = inverseOf(d * scale);
    for (let i = 0; i < values.length; i++) {
      const a = scale * nearestQuant(values[i], inverse, dmin * m, maxQuant);
      aa += weights[i] * a * a;
      am += weights[i] * a * m;
      mm += weights[i] * m * m;
      ax += weights[i] * a * values[i];
      mx += weights[i] * m * values[i];
    }
  }
  const determinant = aa * mm - am * am;
  const best =
    determinant > 0
      ? { d: (ax * mm - am * mx) / determinant, dmin: (ax * am - aa * mx) / determinant }
      : { d: aa > 0 ? ax / aa : 0, dmin: 0 };
  if (best.d <= 0 || best.dmin < 0) return choice;
  return choose(parts, fits, numberToFloat16(best.d), numberToFloat16(best.dmin), maxQuant);
}

/** float16 bits of the factor that six-bit integers multiply; never zero for scales that are not, however small. */
function superScale(scales: readonly number[]): number {
  const largest = Math.max(...scales);
  const bits = numberToFloat16(largest / MAX_SCALE);
  return bits === 0 && largest > 0 ? 1 : bits;
}

function sixBits(value: number, unit: number): number {
  return unit === 0 ? 0 : Math.min(MAX_SCALE, Math.round(value / unit));
}

/** Walks to neighbouring (scale, min) pairs while the error falls: rounding the two apart is not the best pair. */
function improve(
  scale: number,
  min: number,
  errorOf: (scale: number, min: number) => number,
): { pair: readonly [scale: number, min: number]; error: number } {
  let pair: readonly [number, number] = [scale, min];
  let error = errorOf(scale, min);
  for (let move = 0; move < MAX_MOVES; move++) {
    const from = pair;
    for (const [scaleStep, minStep] of NEIGHBOURS) {
      const candidate = [from[0] + scaleStep, from[1] + minStep] as const;
      if (candidate.some((part) => part < 0 || part > MAX_SCALE)) continue;
      const candidateError = errorOf(...candidate);
      if (candidateError < error) {
        error = candidateError;
        pair = candidate;
      }
    }
    if (pair === from) break;
  }
  return { pair, error };
}

/** Inverse of `scaleAndMin` of the decoder. */
function packScaleAndMin(out: Uint8Array, at: number, s: number, scale: number, min: number): void {
  if (s < 4) {
    out[at + s] |= scale;
    out[at + s + 4] |= min;
    return;
  }
  out[at + s + 4] = (scale & 15) | ((min & 15) << 4);
  out[at + s - 4] |= (scale >> 4) << 6;
  out[at + s] |= (min >> 4) << 6;
}
