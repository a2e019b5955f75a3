import { checkSize, type RgbImage, type Size } from "../rgb-image.ts";
import { type AxisTaps, bicubicTaps } from "./axis-taps.ts";
import { fixedTaps } from "./fixed-taps.ts";
import { resizeColumns, resizeRows } from "./passes.ts";

/**
 * Bicubic resize, byte equal to torchvision's antialiased resize of uint8 tensors on CPU: the weights of Pillow's
 * filter in 16 bits instead of 32. Default of transformers' MiniCPMV4_6ImageProcessor.
 */
export function resizeTorchBicubic(image: RgbImage, size: Size): RgbImage {
  checkSize(size);
  let current = image;
  if (size.width !== image.width) {
    const taps = bicubicTaps(image.width, size.width);
    current = resizeColumns(current, size.width, fixedTaps(taps, precisionBits(taps)));
  }
  if (size.height !== image.height) {
    const taps = bicubicTaps(image.height, size.height);
    current = resizeRows(current, size.height, fixedTaps(taps, precisionBits(taps)));
  }
  return current;
}

// the most bits, up to 22, at which the largest weight still fits a signed 16-bit integer
function precisionBits({ weights }: AxisTaps): number {
  const largest = weights.reduce((a, b) => Math.max(a, b), 0);
  let bits = 0;
  while (bits < 22 && Math.trunc(0.5 + largest * 2 ** (bits + 1)) < 1 << 15) bits += 1;
  return bits;
}
