import type { PositionKey } from "./sequence-pool.ts";

/** A prompt as the decoder takes it: ids, and rows of encoded pictures at some of their places. */
export interface Prompt {
  readonly ids: readonly number[];
  /** One key a position; equal beginnings are read once. */
  readonly keys: readonly PositionKey[];
  /** Places of the visual rows among `ids`, ascending. */
  readonly visualAt: readonly number[];
  /** Width of the rows that `visualRows` gives. */
  readonly width: number;
  /** The visual rows [visualAt.length, width]; asked for only where the cache does not hold them. */
  visualRows(): Promise<Float32Array>;
}

/** Position behind the last visual row; 0 in a prompt without pictures. */
export function pictureEnd(prompt: Pick<Prompt, "visualAt">): number {
  return (prompt.visualAt.at(-1) ?? -1) + 1;
}

/** Rows of ids[begin, end) as one step takes them. */
export function promptSlice(
  prompt: Prompt,
  rows: Float32Array | undefined,
  range: { readonly begin: number; readonly end: number },
): { readonly ids: readonly number[]; readonly visual?: { readonly rows: Float32Array; readonly at: number[] } } {
  const { begin, end } = range;
  const ids = prompt.ids.slice(begin, end);
  const first = prompt.visualAt.findIndex((at) => at >= begin && at < end);
  if (first < 0 || rows === undefined) return { ids };
  let last = first;
  while (last < prompt.visualAt.length && prompt.visualAt[last] < end) last++;
  const at = prompt.visualAt.slice(first, last).map((place) => place - begin);
  return { ids, visual: { rows: rows.subarray(first * prompt.width, last * prompt.width), at } };
}
