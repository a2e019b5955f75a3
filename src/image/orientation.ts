import type { Orientation } from "./exif.ts";
import type { RgbImage, Size } from "./rgb-image.ts";

/** How the axes of the upright picture lie in the stored one: swapped first, then each mirrored. */
interface AxisMap {
  readonly isTransposed: boolean;
  /** Stored x, respectively y, runs against its upright axis. */
  readonly flipsX: boolean;
  readonly flipsY: boolean;
}

// EXIF 2.3, tag 0x0112
const AXES: Readonly<Record<Orientation, AxisMap>> = {
  1: { isTransposed: false, flipsX: false, flipsY: false },
  2: { isTransposed: false, flipsX: true, flipsY: false },
  3: { isTransposed: false, flipsX: true, flipsY: true },
  4: { isTransposed: false, flipsX: false, flipsY: true },
  5: { isTransposed: true, flipsX: false, flipsY: false },
  6: { isTransposed: true, flipsX: false, flipsY: true },
  7: { isTransposed: true, flipsX: true, flipsY: true },
  8: { isTransposed: true, flipsX: true, flipsY: false },
};

/** Size of the upright picture. */
export function orientedSize({ width, height }: Size, orientation: Orientation): Size {
  return AXES[orientation].isTransposed ? { width: height, height: width } : { width, height };
}

/** Turns stored pixels upright; equal to Pillow's `ImageOps.exif_transpose`. */
export function applyOrientation(stored: RgbImage, orientation: Orientation): RgbImage {
  if (orientation === 1) return stored;
  const { isTransposed, flipsX, flipsY } = AXES[orientation];
  const size = orientedSize(stored, orientation);
  const data = new Uint8Array(stored.data.length);
  let to = 0;
  for (let y = 0; y < size.height; y++) {
    for (let x = 0; x < size.width; x++) {
      const column = isTransposed ? y : x;
      const row = isTransposed ? x : y;
      const storedX = flipsX ? stored.width - 1 - column : column;
      const storedY = flipsY ? stored.height - 1 - row : row;
      const from = (storedY * stored.width + storedX) * 3;
      data[to] = stored.data[from];
      data[to + 1] = stored.data[from + 1];
      data[to + 2] = stored.data[from + 2];
      to += 3;
    }
  }
  return { ...size, data };
}

/** A continuous point (pixel edges are whole numbers) of the upright picture, in the stored one. */
export function storedPoint(
  point: { readonly x: number; readonly y: number },
  stored: Size,
  orientation: Orientation,
): { x: number; y: number } {
  const { isTransposed, flipsX, flipsY } = AXES[orientation];
  const column = isTransposed ? point.y : point.x;
  const row = isTransposed ? point.x : point.y;
  return { x: flipsX ? stored.width - column : column, y: flipsY ? stored.height - row : row };
}
