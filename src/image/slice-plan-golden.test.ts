import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import golden from "../../test/golden/image/slices.json" with { type: "json" };
import { slicePlan } from "./slice-plan.ts";
import { mix } from "./testing/noise.ts";

const RUN = 1000;
const RANGES = [500, 2000, 6000, 1400];

test.each(golden.runs)("granule $granule, $maxSlices slices: 100,000 plans equal the released code's", (run) => {
  // ties in the grid search and truncations show only in some of many sizes
  const hashes = run.hashes.map((_, index) => runHash(index * RUN, run.granule, run.maxSlices));
  const differing = hashes.flatMap((hash, index) => (hash === run.hashes[index] ? [] : [index]));
  expect(differing).toEqual([]);
  expect(hashes.length * RUN).toBe(100_000);
});

function runHash(start: number, granule: number, maxSlices: number): string {
  const lines: string[] = [];
  for (let index = start; index < start + RUN; index++) {
    const limit = RANGES[index % 4];
    const image = { width: 1 + (mix(index * 2, 99) % limit), height: 1 + (mix(index * 2 + 1, 99) % limit) };
    const { overview, sliced } = slicePlan(image, { granule, maxSlices });
    const { columns, rows } = sliced?.grid ?? { columns: 0, rows: 0 };
    const { width, height } = sliced?.slice ?? { width: 0, height: 0 };
    lines.push([image.width, image.height, columns, rows, overview.width, overview.height, width, height].join(","));
  }
  return createHash("sha256").update(lines.join("\n")).digest("hex").slice(0, 16);
}
