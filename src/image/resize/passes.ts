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
