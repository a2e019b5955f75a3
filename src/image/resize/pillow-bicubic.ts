import { checkSize, type RgbImage, type Size } from "../rgb-image.ts";
import { bicubicTaps } from "./axis-taps.ts";
import { fixedTaps } from "./fixed-taps.ts";
import { resizeColumns, resizeRows } from "./passes.ts";

const PRECISION_BITS = 22; // Pillow keeps 32 − 8 − 2 bits for the weights

/**
 * Bicubic resize, byte equal to `Image.resize(size, BICUBIC)` of Pillow 3.3 to 12.1, which the published models were
 * made with: columns first, each pass clamped to 8 bits. Throws ArgumentError for an empty size.
 */
export function resizePillowBicubic(image: RgbImage, size: Size): RgbImage {
  checkSize(size);
  return toHeight(toWidth(image, size.width), size.height);
}

/** The same for Pillow 13, which shrinks the height first where it shrinks by more than twice what the width does. */
export function resizePillow13Bicubic(image: RgbImage, size: Size): RgbImage {
  checkSize(size);
  const rowsLost = image.height - size.height;
  const rowsFirst = rowsLost > 0 && rowsLost > 2 * (image.width - size.width);
  return rowsFirst ? toWidth(toHeight(image, size.height), size.width) : resizePillowBicubic(image, size);
}

function toWidth(image: RgbImage, width: number): RgbImage {
  if (width === image.width) return image;
  return resizeColumns(image, width, fixedTaps(bicubicTaps(image.width, width), PRECISION_BITS));
}

function toHeight(image: RgbImage, height: number): RgbImage {
  if (height === image.height) return image;
  return resizeRows(image, height, fixedTaps(bicubicTaps(image.height, height), PRECISION_BITS));
}
