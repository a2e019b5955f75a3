import type { Dim } from "../../tensor/dim.ts";
import type { PlacedBuffer } from "./buffers.ts";
import type { Argument } from "./program.ts";

/**
 * Where a value lies. Matrices [N, W] are rows of W elements; head tensors [H, N, C] are kept as rows of H·C, so that
 * splitting and merging heads moves nothing. Views (a part of the columns) share the buffer of what they view.
 */
export interface Place {
  readonly buffer: PlacedBuffer;
  readonly offsetBytes: number;
  /** Bytes from one row to the next. */
  readonly rowStride: number;
  /** Bytes from one head to the next; 0 where there are no heads. */
  readonly headStride: number;
  /** Rows: the only axis that may have a run-time extent. */
  readonly rows: Dim | undefined;
  readonly headCount: number;
  /** Elements of one row of one head. */
  readonly width: number;
}

/** Bytes of a float32 or int32 element: everything in the arena. */
export const ELEMENT_BYTES = 4;

/** Interprets dims as heads, rows and width. */
export function shapeOf(dims: readonly Dim[]): Pick<Place, "rows" | "headCount" | "width"> {
  switch (dims.length) {
    case 0:
      return { rows: undefined, headCount: 1, width: 1 };
    case 1: {
      const [only] = dims;
      // a vector with a run-time extent is a column of rows; a fixed one is a single row
      if (only.slot !== undefined) return { rows: only, headCount: 1, width: 1 };
      return { rows: undefined, headCount: 1, width: only.capacity };
    }
    case 2:
      return { rows: dims[0], headCount: 1, width: dims[1].capacity };
    default: {
      const width = dims[dims.length - 1].capacity;
      return { rows: dims[1], headCount: dims[0].capacity, width };
    }
  }
}

/** A place that fills `buffer` without gaps. */
export function densePlace(buffer: PlacedBuffer, dims: readonly Dim[]): Place {
  const shape = shapeOf(dims);
  const headStride = shape.headCount === 1 ? 0 : shape.width * ELEMENT_BYTES;
  const rowStride = shape.width * shape.headCount * ELEMENT_BYTES;
  return { buffer, offsetBytes: 0, rowStride, headStride, ...shape };
}

/** True where rows follow one another without gaps. */
export function isDense(place: Place): boolean {
  const { width, headCount, headStride, rowStride } = place;
  const hasDenseHeads = headCount === 1 || headStride === width * ELEMENT_BYTES;
  return hasDenseHeads && rowStride === width * headCount * ELEMENT_BYTES;
}

/** Address argument of a place. */
export function at(place: Place): Argument {
  return { buffer: place.buffer, offsetBytes: place.offsetBytes };
}

/** `factor` times the number of rows in use. */
export function rowsTimes(place: Place, factor: number): Argument {
  const { rows } = place;
  if (rows === undefined) return factor;
  if (rows.slot === undefined) return rows.capacity * factor;
  return { slot: rows.slot, factor };
}

const bitsBuffer = new Float32Array(1);
const bitsView = new Int32Array(bitsBuffer.buffer);

/** The bits of a float argument. */
export function floatBits(value: number): number {
  bitsBuffer[0] = value;
  return bitsView[0];
}
