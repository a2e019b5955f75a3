import { checkSize, type RgbImage, type Size } from "../rgb-image.ts";
import { type AxisTaps, bicubicTaps } from "./axis-taps.ts";

const PRECISION_BITS = 22; // Pillow keeps 32 − 8 − 2 bits for the weights

/** Bicubic resize, byte equal to Pillow's `Image.resize(size, BICUBIC)`: columns first, each pass clamped to 8 bits. */
export function resizePillowBicubic(image: RgbImage, size: Size): RgbImage {
  checkSize(size);
  let current = image;
  if (size.width !== image.width) {
    current = resizeColumns(current, size.width, fixedPoint(bicubicTaps(image.width, size.width)));
  }
  if (size.height !== image.height) {
    current = resizeRows(current, size.height, fixedPoint(bicubicTaps(image.height, size.height)));
  }
  return current === image ? { ...image, data: image.data.slice() } : current;
}

/** Integer weights of one axis; Σ weights of an output ≈ 2^bits. */
export interface FixedTaps {
  readonly start: Int32Array;
  readonly count: Int32Array;
  readonly stride: number;
  readonly weights: Int32Array;
  readonly bits: number;
}

function fixedPoint(taps: AxisTaps): FixedTaps {
  const weights = new Int32Array(taps.weights.length);
  for (let i = 0; i < weights.length; i++) {
    const scaled = taps.weights[i] * 2 ** PRECISION_BITS;
    // truncation after adding ±0.5, not rounding: one differs from the other by a last bit
    weights[i] = Math.trunc(scaled < 0 ? scaled - 0.5 : scaled + 0.5);
  }
  return { ...taps, weights, bits: PRECISION_BITS };
}

/** One horizontal pass. */
export function resizeColumns(image: RgbImage, width: number, taps: FixedTaps): RgbImage {
  const { height, data: source } = image;
  const { start, count, stride, weights, bits } = taps;
  const data = new Uint8ClampedArray(width * height * 3);
  const half = 2 ** (bits - 1);
  let out = 0;
  for (let y = 0; y < height; y++) {
    const row = y * image.width * 3;
    for (let x = 0; x < width; x++) {
      let red = half;
      let green = half;
      let blue = half;
      let at = row + start[x] * 3;
      const first = x * stride;
      const last = first + count[x];
      for (let k = first; k < last; k++) {
        const weight = weights[k];
        red = (red + source[at] * weight) | 0;
        green = (green + source[at + 1] * weight) | 0;
        blue = (blue + source[at + 2] * weight) | 0;
        at += 3;
      }
      data[out] = red >> bits;
      data[out + 1] = green >> bits;
      data[out + 2] = blue >> bits;
      out += 3;
    }
  }
  return { width, height, data: new Uint8Array(data.buffer) };
}

/** One vertical pass; whole rows are accumulated so that memory is read in order. */
export function resizeRows(image: RgbImage, height: number, taps: FixedTaps): RgbImage {
  const rowBytes = image.width * 3;
  const { start, count, stride, weights, bits } = taps;
  const data = new Uint8ClampedArray(rowBytes * height);
  const sums = new Int32Array(rowBytes);
  for (let y = 0; y < height; y++) {
    sums.fill(2 ** (bits - 1));
    for (let k = 0; k < count[y]; k++) {
      const weight = weights[y * stride + k];
      const from = (start[y] + k) * rowBytes;
      for (let i = 0; i < rowBytes; i++) sums[i] += image.data[from + i] * weight;
    }
    const out = y * rowBytes;
    for (let i = 0; i < rowBytes; i++) data[out + i] = sums[i] >> bits;
  }
  return { width: image.width, height, data: new Uint8Array(data.buffer) };
}
