/** Values of a vector register: the released fractions are computed eight at a time. */
const LANES = 8;

/**
 * Bucket of each fraction i/count among `side` equal buckets, as the remote code of V-2.5 to V-4.5 gets them on a CPU:
 * torch.arange rounds the start of every chunk of eight to float32, then adds multiples of the step. Where i/count
 * falls on a boundary this may be one below floor(side · i / count).
 */
export function roundedBuckets(count: number, side: number): Int32Array {
  const boundaries = Float32Array.from({ length: side - 1 }, (_, k) => (k + 1) / side);
  const step = Math.fround(1 / count);
  const buckets = new Int32Array(count);
  let bucket = 0;
  for (let i = 0; i < count; i++) {
    const start = i - (i % LANES);
    const isWholeChunk = start + LANES <= count;
    const fraction = Math.fround(isWholeChunk ? Math.fround(step * start) + (i - start) * step : step * i);
    // a rounded fraction may fall back below the boundary that the one before it has passed
    while (bucket > 0 && boundaries[bucket - 1] > fraction) bucket--;
    while (bucket < boundaries.length && boundaries[bucket] <= fraction) bucket++;
    buckets[i] = bucket;
  }
  return buckets;
}

/** Table rows of a grid's patches in raster order, from the buckets of its rows and columns. */
export function gridPositions(rows: Int32Array, columns: Int32Array, side: number): Int32Array {
  const ids = new Int32Array(rows.length * columns.length);
  for (let row = 0; row < rows.length; row++) {
    for (let column = 0; column < columns.length; column++) {
      ids[row * columns.length + column] = rows[row] * side + columns[column];
    }
  }
  return ids;
}
