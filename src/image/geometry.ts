import { ArgumentError } from "../base/errors.ts";
import type { Orientation } from "./exif.ts";
import { orientedSize, storedPoint } from "./orientation.ts";
import type { Box, Size } from "./rgb-image.ts";
import type { SlicePlan } from "./slice-plan.ts";

/** A place in a picture; x to the right, y down. Whole numbers are pixel edges, so a picture spans 0…width. */
export interface Point {
  readonly x: number;
  readonly y: number;
}

/** Span of the coordinates that the models write: 0…1000 over each side. */
export const NORMALISED_SPAN = 1000;

/** What a normalised coordinate refers to: the whole picture, or one slice of its plan. */
export type Frame =
  | { readonly kind: "picture" }
  | { readonly kind: "slice"; readonly plan: SlicePlan; readonly column: number; readonly row: number };

/** How the picture that the model saw lies in the file. */
export interface FileGeometry {
  /** Size in the file, before orientation: DecodedImage.stored. */
  readonly stored: Size;
  /** Orientation that was applied to it: DecodedImage.orientation. */
  readonly orientation: Orientation;
}

/** The four sides of a frame within the upright picture, 0…1 of each side; resizing never moves these fractions. */
export function frameBounds(frame: Frame): Box {
  if (frame.kind === "picture") return { x0: 0, y0: 0, x1: 1, y1: 1 };
  const { plan, column, row } = frame;
  if (plan.sliced === undefined) throw badSlice(column, row, "the picture is not sliced");
  const { columns, rows } = plan.sliced.grid;
  const isInside = Number.isInteger(column) && Number.isInteger(row) && column >= 0 && row >= 0;
  if (!isInside || column >= columns || row >= rows) throw badSlice(column, row, `the grid is ${columns}×${rows}`);
  return { x0: column / columns, y0: row / rows, x1: (column + 1) / columns, y1: (row + 1) / rows };
}

/** A normalised point (0…1000 of `frame`) in the upright picture, as fractions 0…1. Out-of-range values are clamped. */
export function pictureFraction(point: Point, frame: Frame): Point {
  const { x0, y0, x1, y1 } = frameBounds(frame);
  return {
    x: x0 + (x1 - x0) * clampedFraction(point.x),
    y: y0 + (y1 - y0) * clampedFraction(point.y),
  };
}

/** A normalised point as pixels of the upright picture. */
export function uprightPoint(point: Point, frame: Frame, file: FileGeometry): Point {
  const size = orientedSize(file.stored, file.orientation);
  const { x, y } = pictureFraction(point, frame);
  return { x: x * size.width, y: y * size.height };
}

/** A normalised point as pixels of the file as stored, through slice, resize and orientation. */
export function filePoint(point: Point, frame: Frame, file: FileGeometry): Point {
  return storedPoint(uprightPoint(point, frame, file), file.stored, file.orientation);
}

/** A normalised box as pixels of the upright picture; corners may come in any order. */
export function uprightBox(box: Box, frame: Frame, file: FileGeometry): Box {
  return spanned(
    uprightPoint({ x: box.x0, y: box.y0 }, frame, file),
    uprightPoint({ x: box.x1, y: box.y1 }, frame, file),
  );
}

/** A normalised box as pixels of the file as stored. */
export function fileBox(box: Box, frame: Frame, file: FileGeometry): Box {
  return spanned(filePoint({ x: box.x0, y: box.y0 }, frame, file), filePoint({ x: box.x1, y: box.y1 }, frame, file));
}

/** The inverse for the whole upright picture: pixels to 0…1000, not rounded. */
export function normalisedPoint(upright: Point, size: Size): Point {
  return { x: (upright.x / size.width) * NORMALISED_SPAN, y: (upright.y / size.height) * NORMALISED_SPAN };
}

function clampedFraction(value: number): number {
  if (Number.isNaN(value)) throw new ArgumentError("A coordinate is not a number.", "Parse the answer's digits first.");
  return Math.min(Math.max(value / NORMALISED_SPAN, 0), 1);
}

function spanned(a: Point, b: Point): Box {
  return { x0: Math.min(a.x, b.x), y0: Math.min(a.y, b.y), x1: Math.max(a.x, b.x), y1: Math.max(a.y, b.y) };
}

function badSlice(column: number, row: number, why: string): ArgumentError {
  return new ArgumentError(
    `There is no slice in column ${column}, row ${row}: ${why}.`,
    "Count columns and rows of the plan's grid from 0.",
  );
}
