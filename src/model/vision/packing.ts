import type { Patches, PatchGrid } from "../../image/patchify.ts";

/** (begin, end) of runs laid one after another. */
export function spansOf(counts: readonly number[]): readonly (readonly [number, number])[] {
  let begin = 0;
  return counts.map((count) => {
    const span = [begin, begin + count] as const;
    begin += count;
    return span;
  });
}

/** Each span once for every row of its run. */
export function repeatSpans(spans: readonly (readonly [number, number])[], counts: readonly number[]): Int32Array {
  const rows = new Int32Array(2 * sum(counts));
  let at = 0;
  for (const [i, [begin, end]] of spans.entries()) {
    for (let n = 0; n < counts[i]; n++) {
      rows[at++] = begin;
      rows[at++] = end;
    }
  }
  return rows;
}

/** Lists one after another. */
export function joinInts(parts: readonly Int32Array[]): Int32Array {
  const joined = new Int32Array(sum(parts.map((part) => part.length)));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

/** Patches of a view's grid. */
export function patchCount({ rows, columns }: PatchGrid): number {
  return rows * columns;
}

/** Sum of counts. */
export function sum(counts: readonly number[]): number {
  return counts.reduce((total, n) => total + n, 0);
}

/** Pixels of views one after another, each in `rowCounts[i]` rows: [Σ rows, 3 · size²]. Rows past a view's own are zero. */
export function joinPatches(
  views: readonly Patches[],
  rowCounts: readonly number[] = views.map(({ grid }) => patchCount(grid)),
): Float32Array {
  const valueCount = views.length === 0 ? 0 : views[0].values.length / patchCount(views[0].grid);
  const total = sum(rowCounts) * valueCount;
  if (views.length === 1 && views[0].values.length === total) return views[0].values;
  const joined = new Float32Array(total);
  let at = 0;
  for (const [i, { values }] of views.entries()) {
    joined.set(values, at);
    at += rowCounts[i] * valueCount;
  }
  return joined;
}
