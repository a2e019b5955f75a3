import { ArgumentError } from "../base/errors.ts";
import type { RgbImage, Size } from "./rgb-image.ts";

/** Side of a vision patch in pixels of every release; models of one's own may have another. */
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
  /** [P, 3 · size²] (588 for size 14), patches in raster order, each channel-major (channel, y, x); values in −1…1. */
  readonly values: Float32Array;
  readonly grid: PatchGrid;
}

/** Patch grid of a view. Throws ArgumentError where a side is no multiple of the patch size. */
export function patchGrid({ width, height }: Size, patchSize: number = PATCH_SIZE): PatchGrid {
  if (width % patchSize !== 0 || height % patchSize !== 0) {
    throw new ArgumentError(
      `A view of ${width}×${height} pixels cannot be cut into ${patchSize}×${patchSize} patches.`,
      "Resize it to a size from slicePlan first.",
    );
  }
  return { rows: height / patchSize, columns: width / patchSize };
}

/**
 * How mean 0.5 and deviation 0.5 are applied: `stepwise` (x/255 − 0.5)/0.5 up to V-4.5 and in transformers' PIL
 * processor of V-4.6, `fused` (x − 127.5)/127.5 in its default torchvision processor.
 */
export type Normalisation = "stepwise" | "fused";

/** Normalises a view and cuts it into patches. Throws ArgumentError. */
export function patchify(
  view: RgbImage,
  normalisation: Normalisation = "stepwise",
  patchSize: number = PATCH_SIZE,
): Patches {
  const level = LEVELS[normalisation];
  const grid = patchGrid(view, patchSize);
  const area = patchSize * patchSize;
  const values = new Float32Array(grid.rows * grid.columns * 3 * area);
  let out = 0;
  for (let row = 0; row < grid.rows; row++) {
    for (let column = 0; column < grid.columns; column++) {
      for (let y = 0; y < patchSize; y++) {
        let from = ((row * patchSize + y) * view.width + column * patchSize) * 3;
        const to = out + y * patchSize;
        for (let x = 0; x < patchSize; x++) {
          values[to + x] = level[view.data[from]];
          values[to + x + area] = level[view.data[from + 1]];
          values[to + x + 2 * area] = level[view.data[from + 2]];
          from += 3;
        }
      }
      out += 3 * area;
    }
  }
  return { values, grid };
}

// both tables in float32 steps; they differ in the last bit at half of the levels
const LEVELS: Readonly<Record<Normalisation, Float32Array>> = {
  stepwise: levels((pixel) => Math.fround(Math.fround(pixel / 255) - 0.5) / 0.5),
  fused: levels((pixel) => (pixel - 127.5) / 127.5),
};

function levels(value: (pixel: number) => number): Float32Array {
  return Float32Array.from({ length: 256 }, (_, pixel) => value(pixel));
}
