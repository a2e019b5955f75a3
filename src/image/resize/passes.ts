import type { RgbImage } from "../rgb-image.ts";
import type { FixedTaps } from "./fixed-taps.ts";

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
        red = (red + Math.imul(source[at], weight)) | 0;
        green = (green + Math.imul(source[at + 1], weight)) | 0;
        blue = (blue + Math.imul(source[at + 2], weight)) | 0;
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

/** One vertical pass; four source rows at a time are added to a row of sums, so that memory is read in order. */
export function resizeRows(image: RgbImage, height: number, taps: FixedTaps): RgbImage {
  const rowBytes = image.width * 3;
  const { start, count, stride, weights, bits } = taps;
  const data = new Uint8ClampedArray(rowBytes * height);
  const sums = new Int32Array(rowBytes);
  for (let y = 0; y < height; y++) {
    sums.fill(2 ** (bits - 1));
    const first = y * stride;
    let k = 0;
    for (; k + 4 <= count[y]; k += 4) {
      addFourRows(sums, image.data, (start[y] + k) * rowBytes, weights.subarray(first + k, first + k + 4));
    }
    for (; k < count[y]; k++) addRow(sums, image.data, (start[y] + k) * rowBytes, weights[first + k]);
    const out = y * rowBytes;
    for (let i = 0; i < rowBytes; i++) data[out + i] = sums[i] >> bits;
  }
  return { width: image.width, height, data: new Uint8Array(data.buffer) };
}

function addRow(sums: Int32Array, source: Uint8Array, from: number, weight: number): void {
  for (let i = 0; i < sums.length; i++) sums[i] += Math.imul(source[from + i], weight);
}

function addFourRows(sums: Int32Array, source: Uint8Array, from: number, weights: Int32Array): void {
  const rowBytes = sums.length;
  const [first, second, third, fourth] = weights;
  const row1 = from + rowBytes;
  const row2 = row1 + rowBytes;
  const row3 = row2 + rowBytes;
  for (let i = 0; i < rowBytes; i++) {
    const upper = Math.imul(source[from + i], first) + Math.imul(source[row1 + i], second);
    const lower = Math.imul(source[row2 + i], third) + Math.imul(source[row3 + i], fourth);
    sums[i] += upper + lower;
  }
}
