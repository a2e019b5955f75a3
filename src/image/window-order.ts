import { ArgumentError } from "../base/errors.ts";
import type { PatchGrid } from "./patchify.ts";

/**
 * Raster indices of a grid's tokens listed window by window: 2×2 windows in raster order, inside a window
 * (0,0), (0,1), (1,0), (1,1). V-4.6 folds runs of four. Throws ArgumentError where a side is odd.
 */
export function windowOrder({ rows, columns }: PatchGrid): Int32Array {
  if (rows % 2 !== 0 || columns % 2 !== 0) {
    throw new ArgumentError(
      `A grid of ${rows}×${columns} has no 2×2 windows.`,
      "V-4.6 views are multiples of 56 pixels.",
    );
  }
  const order = new Int32Array(rows * columns);
  let out = 0;
  for (let row = 0; row < rows; row += 2) {
    for (let column = 0; column < columns; column += 2) {
      const corner = row * columns + column;
      order[out] = corner;
      order[out + 1] = corner + 1;
      order[out + 2] = corner + columns;
      order[out + 3] = corner + columns + 1;
      out += 4;
    }
  }
  return order;
}

/** Grid after one 2×2 merge. */
export function mergedGrid({ rows, columns }: PatchGrid): PatchGrid {
  return { rows: rows / 2, columns: columns / 2 };
}
