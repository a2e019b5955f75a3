import type { Patches } from "../../src/image/patchify.ts";
import { bicubicTaps } from "../../src/image/resize/axis-taps.ts";
import { fixedTaps } from "../../src/image/resize/fixed-taps.ts";
import type { Size } from "../../src/image/rgb-image.ts";
import type { SlicePlan } from "../../src/image/slice-plan.ts";

/** One channel of 8-bit pixels, row by row. */
export interface GrayImage extends Size {
  readonly data: Uint8Array;
}

// Pictures of the generator are mostly gray: one channel is resized instead of three equal ones. prepare.test.ts holds the
// values against the three-channel way that the model's users go.

const BITS = 22; // as in src/image/resize/pillow-bicubic.ts

/** Patches of the wanted views of a gray picture, as patchify gives them for its three equal channels. */
export function grayViews(
  image: GrayImage,
  plan: SlicePlan,
  { patchSize, isWanted }: { readonly patchSize: number; readonly isWanted: (view: number) => boolean },
): Patches[] {
  const views: Patches[] = [];
  const cut = (from: GrayImage, place: Place): number => views.push(grayPatches(from, place, patchSize));
  if (isWanted(0)) cut(resizeGray(image, plan.overview), { x: 0, y: 0, ...plan.overview });
  if (plan.sliced === undefined) return views;
  const { grid, refined, slice } = plan.sliced;
  const whole = resizeGray(image, refined);
  for (let i = 0; i < grid.rows * grid.columns; i++) {
    const [x, y] = [(i % grid.columns) * slice.width, Math.floor(i / grid.columns) * slice.height];
    if (isWanted(i + 1)) cut(whole, { x, y, ...slice });
  }
  return views;
}

function resizeGray(image: GrayImage, { width, height }: Size): GrayImage {
  return grayRows(grayColumns(image, width), height);
}

function grayColumns(image: GrayImage, width: number): GrayImage {
  if (width === image.width) return image;
  const { start, count, stride, weights, bits } = fixedTaps(bicubicTaps(image.width, width), BITS);
  const data = new Uint8ClampedArray(width * image.height);
  let out = 0;
  for (let y = 0; y < image.height; y++) {
    for (let x = 0; x < width; x++) {
      let sum = 2 ** (bits - 1);
      const from = y * image.width + start[x];
      for (let k = 0; k < count[x]; k++) sum = (sum + Math.imul(image.data[from + k], weights[x * stride + k])) | 0;
      data[out++] = sum >> bits;
    }
  }
  return { width, height: image.height, data: new Uint8Array(data.buffer) };
}

function grayRows(image: GrayImage, height: number): GrayImage {
  if (height === image.height) return image;
  const { start, count, stride, weights, bits } = fixedTaps(bicubicTaps(image.height, height), BITS);
  const { width } = image;
  const data = new Uint8ClampedArray(width * height);
  const sums = new Int32Array(width);
  for (let y = 0; y < height; y++) {
    sums.fill(2 ** (bits - 1));
    for (let k = 0; k < count[y]; k++) {
      const weight = weights[y * stride + k];
      const from = (start[y] + k) * width;
      for (let x = 0; x < width; x++) sums[x] += Math.imul(image.data[from + x], weight);
    }
    for (let x = 0; x < width; x++) data[y * width + x] = sums[x] >> bits;
  }
  return { width, height, data: new Uint8Array(data.buffer) };
}

const LEVELS = Float32Array.from({ length: 256 }, (_, pixel) => Math.fround(Math.fround(pixel / 255) - 0.5) / 0.5);

interface Place extends Size {
  readonly x: number;
  readonly y: number;
}

function grayPatches(image: GrayImage, { x, y, width, height }: Place, side: number): Patches {
  const grid = { rows: height / side, columns: width / side };
  const values = new Float32Array(grid.rows * grid.columns * 3 * side ** 2);
  const area = side ** 2;
  let out = 0;
  for (let row = 0; row < grid.rows; row++) {
    for (let column = 0; column < grid.columns; column++) {
      for (let line = 0; line < side; line++) {
        const from = (y + row * side + line) * image.width + x + column * side;
        for (let i = 0; i < side; i++) values[out + line * side + i] = LEVELS[image.data[from + i]];
      }
      values.copyWithin(out + area, out, out + area);
      values.copyWithin(out + 2 * area, out, out + area);
      out += 3 * area;
    }
  }
  return { values, grid };
}
