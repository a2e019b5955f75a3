import { ArgumentError } from "../base/errors.ts";
import type { Axis } from "./axis.ts";

/** One axis of one value: a fixed length, or a capacity of which `slot` names the part in use at each replay. */
export interface Dim {
  readonly axis: Axis;
  /** Most elements this axis can hold; its length where there is no slot. */
  readonly capacity: number;
  /** Name of the run-time extent. Axes that share a slot always have the same extent. */
  readonly slot?: string;
}

/** A dim whose axis the type checker knows. */
export type DimOf<A extends Axis> = Dim & { readonly axis: A };

/** Makes a dim. Throws ArgumentError unless the capacity is a positive integer. */
export function dim<A extends Axis>(axis: A, capacity: number, slot?: string): DimOf<A> {
  if (!Number.isInteger(capacity) || capacity < 1) {
    throw new ArgumentError(`axis ${axis} cannot have capacity ${capacity}.`, "Give a positive whole number.");
  }
  return slot === undefined ? { axis, capacity } : { axis, capacity, slot };
}

/** Same axis, capacity and slot: only then may two values meet elementwise. */
export function sameDim(a: Dim, b: Dim): boolean {
  return a.axis === b.axis && sameLength(a, b);
}

/** Same capacity and slot, whatever the axes are called. */
export function sameLength(a: Dim, b: Dim): boolean {
  return a.capacity === b.capacity && a.slot === b.slot;
}

/** `P≤4096(patches)` for a run-time extent, `E=1152` for a fixed length. */
export function describeDim(d: Dim): string {
  return d.slot === undefined ? `${d.axis}=${d.capacity}` : `${d.axis}≤${d.capacity}(${d.slot})`;
}

/** `[P≤4096(patches), E=1152]`. */
export function describeDims(dims: readonly Dim[]): string {
  return `[${dims.map(describeDim).join(", ")}]`;
}

/** Elements of a value with every axis full. */
export function capacityOf(dims: readonly Dim[]): number {
  return dims.reduce((product, d) => product * d.capacity, 1);
}

/** Run-time extents by slot name. */
export type Extents = Readonly<Record<string, number>>;

/** Length of one axis at this replay. Throws ArgumentError when the extent is missing or does not fit. */
export function extentOf(d: Dim, extents: Extents): number {
  if (d.slot === undefined) return d.capacity;
  const extent = extents[d.slot];
  if (extent === undefined || !Number.isInteger(extent) || extent < 0 || extent > d.capacity) {
    throw new ArgumentError(
      `extent "${d.slot}" is ${extent}, but axis ${describeDim(d)} takes 0 to ${d.capacity}.`,
      "Split the work into steps that fit the recorded capacity, or record with a larger one.",
    );
  }
  return extent;
}

/** Lengths of all axes at this replay. */
export function extentsOf(dims: readonly Dim[], extents: Extents): number[] {
  return dims.map((d) => extentOf(d, extents));
}
