import { ArgumentError } from "../base/errors.ts";
import type { RgbImage, Size } from "./rgb-image.ts";

/** Side of a vision patch in pixels; every release. */
export const PATCH_SIZE = 14;
/** Values of one patch: 3 channels × 14 × 14. */
export const PATCH_VALUES = 3 * PATCH_SIZE * PATCH_SIZE;

/** Rows × columns of patches in a view. */
export interface PatchGrid {
  readonly rows: number;
  readonly columns: number;
}

/** Patches of one view as the patch embedding takes them. */
export interface Patches {
  /** [P, 588], patches in raster order, each channel-major (channel, y, x); values in −1…1. */
  readonly values: Float32Array;
  readonly grid: PatchGrid;
}

/** Patch grid of a view. Throws ArgumentError where a side is no multiple of 14. */
export function patchGrid({ width, height }: Size): PatchGrid {
  if (width % PATCH_SIZE !== 0 || height % PATCH_SIZE !== 0) {
    throw new ArgumentError(
      `A view of ${width}×${height} pixels cannot be cut into ${PATCH_SIZE}×${PATCH_SIZE} patches.`,
      "Resize it to a size from slicePlan first.",
    );
  }
  return { rows: height / PATCH_SIZE, columns: width / PATCH_SIZE };
}

/** Normalises a view with mean 0.5 and deviation 0.5 and cuts it into patches. Throws ArgumentError. */
export function patchify(view: RgbImage): Patches {
  const grid = patchGrid(view);
  const values = new Float32Array(grid.rows * grid.columns * PATCH_VALUES);
  const area = PATCH_SIZE * PATCH_SIZE;
  let out = 0;
  for (let row = 0; row < grid.rows; row++) {
    for (let column = 0; column < grid.columns; column++) {
      for (let y = 0; y < PATCH_SIZE; y++) {
        let from = ((row * PATCH_SIZE + y) * view.width + column * PATCH_SIZE) * 3;
        const to = out + y * PATCH_SIZE;
        for (let x = 0; x < PATCH_SIZE; x++) {
          values[to + x] = NORMALISED[view.data[from]];
          values[to + x + area] = NORMALISED[view.data[from + 1]];
          values[to + x + 2 * area] = NORMALISED[view.data[from + 2]];
          from += 3;
        }
      }
      out += PATCH_VALUES;
    }
  }
  return { values, grid };
}

// (pixel / 255 − 0.5) / 0.5 in float32 steps, the order of the released image processors
const NORMALISED = Float32Array.from({ length: 256 }, (_, pixel) => {
  const unit = Math.fround(pixel / 255);
  return Math.fround(Math.fround(unit - 0.5) / 0.5);
});
