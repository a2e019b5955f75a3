import { ArgumentError } from "../base/errors.ts";
import type { PatchGrid } from "./patchify.ts";

/** Side of the learned position table (980 / 14). */
export const POSITION_TABLE_SIDE = 70;

/** Position-table rows of a view's patches, raster order: V-2.6 to V-4.6. Fractions i/n fall in 70 buckets. */
export function navitPositions(grid: PatchGrid, side: number = POSITION_TABLE_SIDE): Int32Array {
  checkGrid(grid);
  const ids = new Int32Array(grid.rows * grid.columns);
  for (let row = 0; row < grid.rows; row++) {
    const base = bucket(row, grid.rows, side) * side;
    for (let column = 0; column < grid.columns; column++) {
      ids[row * grid.columns + column] = base + bucket(column, grid.columns, side);
    }
  }
  return ids;
}

/**
 * V-2.5's positions: the released code shows a view as one strip of patches, so only table rows 0…69 are used.
 * `stripLength` is the longest view of the batch in the released batched path, the view's own count per view.
 */
export function stripPositions(
  patchCount: number,
  stripLength: number = patchCount,
  side: number = POSITION_TABLE_SIDE,
): Int32Array {
  if (stripLength < patchCount) {
    throw new ArgumentError(
      `A strip of ${stripLength} patches cannot hold ${patchCount}.`,
      "Pass the largest patch count of the batch.",
    );
  }
  return Int32Array.from({ length: patchCount }, (_, index) => bucket(index, stripLength, side));
}

// equal to bucketising float32 fractions at k/70 for every length the models meet
function bucket(index: number, length: number, side: number): number {
  return Math.floor((side * index) / length);
}

function checkGrid({ rows, columns }: PatchGrid): void {
  if (Number.isSafeInteger(rows) && Number.isSafeInteger(columns) && rows > 0 && columns > 0) return;
  throw new ArgumentError(`A view cannot have ${rows}×${columns} patches.`, "Take the grid from patchify.");
}
