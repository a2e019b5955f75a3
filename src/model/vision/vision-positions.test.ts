import { expect, test } from "vitest";
import { roundedBuckets } from "./position-buckets.ts";
import { RESAMPLER_RESIZE, resizeShares, TIMM_RESIZE } from "./resize-shares.ts";

const SIDE = 70;

test("released buckets differ from exact ones only where a fraction is a boundary, and then by one", () => {
  // anything else would be a wrong port of the chunked float32 procedure; which boundaries fall, the ladder says
  let below = 0;
  for (let count = 1; count <= 1300; count++) {
    const buckets = roundedBuckets(count, SIDE);
    for (let i = 0; i < count; i++) {
      const exact = Math.floor((SIDE * i) / count);
      const isBoundary = (SIDE * i) % count === 0;
      if (buckets[i] === exact) continue;
      expect(isBoundary && buckets[i] === exact - 1, `patch ${i} of ${count}`).toBe(true);
      below++;
    }
  }
  expect(below).toBeGreaterThan(0);
});

test.each([
  ["timm", TIMM_RESIZE],
  ["resampler", RESAMPLER_RESIZE],
])("a table of its own size stays as it is, and shares sum to one: %s", (_, resize) => {
  // a shifted centre or a lost edge weight moves every position; the values themselves are held by the ladder of 1.0
  const same = resizeShares(5, { rows: 5, columns: 5 }, resize);
  for (let i = 0; i < 25; i++) for (let j = 0; j < 25; j++) expect(same[i * 25 + j]).toBeCloseTo(i === j ? 1 : 0, 12);
  for (const grid of [
    { rows: 32, columns: 3 },
    { rows: 2, columns: 41 },
  ]) {
    const shares = resizeShares(8, grid, resize);
    for (let patch = 0; patch < grid.rows * grid.columns; patch++) {
      const sum = shares.subarray(patch * 64, (patch + 1) * 64).reduce((total, share) => total + share, 0);
      expect(sum).toBeCloseTo(1, 5);
    }
  }
});
