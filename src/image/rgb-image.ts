import { ArgumentError } from "../base/errors.ts";

/** Width and height in pixels. */
export interface Size {
  readonly width: number;
  readonly height: number;
}

/** A picture as the models take it: 8-bit RGB, row-major from the top left, three bytes a pixel, no padding. */
export interface RgbImage extends Size {
  readonly data: Uint8Array;
}

/** A rectangle in pixels; `x1` and `y1` are exclusive. */
export interface Box {
  readonly x0: number;
  readonly y0: number;
  readonly x1: number;
  readonly y1: number;
}

/** Wraps pixels as a picture. Throws ArgumentError where the byte count does not fit the size. */
export function rgbImage(width: number, height: number, data: Uint8Array): RgbImage {
  checkSize({ width, height });
  if (data.length !== width * height * 3) {
    throw new ArgumentError(
      `A ${width}×${height} RGB picture has ${width * height * 3} bytes, got ${data.length}.`,
      "Pass three bytes a pixel without row padding.",
    );
  }
  return { width, height, data };
}

/** Throws ArgumentError unless both sides are whole numbers of at least 1. */
export function checkSize({ width, height }: Size): void {
  if (!Number.isSafeInteger(width) || !Number.isSafeInteger(height) || width < 1 || height < 1) {
    throw new ArgumentError(
      `A picture cannot be ${width}×${height} pixels.`,
      "Both sides must be whole and at least 1.",
    );
  }
}

/** Copies a rectangle that lies inside the picture. */
export function cropImage(image: RgbImage, box: Box): RgbImage {
  const size = { width: box.x1 - box.x0, height: box.y1 - box.y0 };
  checkSize(size);
  if (box.x0 < 0 || box.y0 < 0 || box.x1 > image.width || box.y1 > image.height) {
    throw new ArgumentError(
      `The box ${box.x0},${box.y0}–${box.x1},${box.y1} leaves the ${image.width}×${image.height} picture.`,
      "Clip the box to the picture first.",
    );
  }
  const rowBytes = size.width * 3;
  const data = new Uint8Array(rowBytes * size.height);
  for (let row = 0; row < size.height; row++) {
    const from = ((box.y0 + row) * image.width + box.x0) * 3;
    data.set(image.data.subarray(from, from + rowBytes), row * rowBytes);
  }
  return { ...size, data };
}
