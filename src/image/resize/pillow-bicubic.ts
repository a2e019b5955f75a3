import { checkSize, type RgbImage, type Size } from "../rgb-image.ts";
import { bicubicTaps } from "./axis-taps.ts";
import { fixedTaps } from "./fixed-taps.ts";
import { resizeColumns, resizeRows } from "./passes.ts";

const PRECISION_BITS = 22; // Pillow keeps 32 − 8 − 2 bits for the weights

/** Bicubic resize, byte equal to Pillow's `Image.resize(size, BICUBIC)`: columns first, each pass clamped to 8 bits. */
export function resizePillowBicubic(image: RgbImage, size: Size): RgbImage {
  checkSize(size);
  let current = image;
  if (size.width !== image.width) {
    current = resizeColumns(current, size.width, fixedTaps(bicubicTaps(image.width, size.width), PRECISION_BITS));
  }
  if (size.height !== image.height) {
    current = resizeRows(current, size.height, fixedTaps(bicubicTaps(image.height, size.height), PRECISION_BITS));
  }
  return current === image ? { ...image, data: image.data.slice() } : current;
}
