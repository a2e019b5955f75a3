import { expect, test } from "vitest";
import { slicePlan } from "./slice-plan.ts";
import { llavaNextCost, pictureTokens } from "./token-cost.ts";

test.each([
  [100, 80, 36, 63],
  [449, 448, 36, 196],
  [640, 480, 36, 203],
  [1344, 1344, 36, 640],
  [1920, 1080, 9, 578],
  [1920, 1080, 36, 822],
  [4032, 3024, 36, 2303],
  [3840, 2160, 36, 2334],
  [3000, 200, 36, 302],
  [28, 1400, 36, 57],
])("%i×%i with %i slices costs %i tokens in 16x mode", (width, height, maxSlices, tokens) => {
  // placeholders and embeddings would disagree in number
  const plan = slicePlan({ width, height }, { granule: 56, maxSlices });
  expect(pictureTokens(plan, { kind: "merge", mode: "16x" })).toBe(tokens);
});

test("4x mode costs four times 16x on the same plan; queries cost the same for every view", () => {
  const plan = slicePlan({ width: 640, height: 480 }, { granule: 56, maxSlices: 9 });
  expect(pictureTokens(plan, { kind: "merge", mode: "4x" })).toBe(4 * 203);
  expect(pictureTokens(plan, { kind: "queries", perView: 96 })).toBe(3 * 96);
});

test("a plan of granule 14 is refused for merging", () => {
  // 29 rows cannot be folded by four: the count would be a fraction
  const plan = slicePlan({ width: 100, height: 80 }, { granule: 14, maxSlices: 9 });
  expect(() => pictureTokens(plan, { kind: "merge", mode: "16x" })).toThrow(/29×36/);
});

test("LLaVA-NeXT's scheme costs at most 2880 tokens", () => {
  // 4 tiles and the base view of 576 tokens each: the maximum the paper compares with
  expect(llavaNextCost({ width: 1344, height: 1344 })).toEqual({ grid: { columns: 2, rows: 2 }, tokens: 2880 });
  expect(llavaNextCost({ width: 300, height: 600 })).toEqual({ grid: { columns: 1, rows: 2 }, tokens: 1728 });
  expect(llavaNextCost({ width: 3000, height: 200 })).toEqual({ grid: { columns: 3, rows: 1 }, tokens: 2304 });
});
