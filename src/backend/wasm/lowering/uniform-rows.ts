import type { ValueId } from "../../../tensor/graph.ts";
import type { Place } from "../place.ts";
import type { LoweringContext } from "./context.ts";

/** A value as consecutive rows of equal stride, heads within rows; heads with gaps are copied together first. */
export function uniformRows(c: LoweringContext, id: ValueId): { readonly x: Place; readonly stride: number } {
  const place = c.place(id);
  const { headCount, headStride, rowStride } = place;
  if (headCount === 1) return { x: place, stride: rowStride };
  if (rowStride === headCount * headStride) return { x: place, stride: headStride };
  const x = c.dense(id);
  return { x, stride: x.headStride };
}
