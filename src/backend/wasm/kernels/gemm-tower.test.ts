import { describe, expect, test } from "vitest";
import { GEMM_SCRATCH_BYTES } from "./gemm-quantised.ts";
import { packTowerRows, towerPanelBytes } from "./gemm-tower.ts";
import { activationBytes } from "./quantise-activations.ts";
import { multiply } from "./test-decode.ts";
import { kernelBench, nmse, randomFloats, VARIANTS } from "./test-harness.ts";

interface Shape {
  readonly m: number;
  readonly n: number;
  readonly k: number;
}

/** The repacked linear in two column ranges, and its float64 value. */
function towerLinear(variant: (typeof VARIANTS)[number], shape: Shape, x: Float32Array) {
  const { m, n, k } = shape;
  const bench = kernelBench(variant, 32);
  const w = randomFloats(n * k, 32);
  const bias = randomFloats(Math.ceil(n / 8) * 8, 33);
  const panels = new Uint8Array(towerPanelBytes(n, k));
  packTowerRows(panels, w.subarray(0, k), { rowBegin: 0, k });
  packTowerRows(panels, w.subarray(k), { rowBegin: 1, k });
  const records = bench.reserve(activationBytes("u7x128", m, k));
  bench.run("quantiseU7x128", bench.place(x), k * 4, records, 0, m, k);
  const y = bench.reserve(m * n * 4);
  const args = [records, bench.place(panels), bench.place(bias), y, n * 4];
  const scratch = bench.reserve(GEMM_SCRATCH_BYTES);
  const cut = Math.min(n, 16);
  bench.run("gemmI8x128", ...args, 0, m, 0, cut, k, 0, scratch);
  if (cut < n) bench.run("gemmI8x128", ...args, 0, m, cut, n, k, 0, scratch);
  return { actual: bench.floats(y, m * n), expected: multiply(x, w, shape, bias) };
}

/** NMSE of the repacked linear against float64; the error of both operands' rounding. */
function towerError(variant: (typeof VARIANTS)[number], shape: Shape, x: Float32Array): number {
  const { actual, expected } = towerLinear(variant, shape, x);
  return nmse(actual, expected);
}

// bug: a fused multiply-add or another order of sums in one variant
test.each([
  [5, 24, 1152],
  [65, 17, 300],
])("gemmI8x128 %i×%i×%i gives the same bits with and without relaxed SIMD", (m, n, k) => {
  const [first, second] = VARIANTS.map(
    (variant) => towerLinear(variant, { m, n, k }, randomFloats(m * k, 35, 50)).actual,
  );
  expect(new Uint8Array(first.buffer)).toEqual(new Uint8Array(second.buffer));
});

describe.each(VARIANTS)("tower, relaxed $relaxed, threads $threads", (variant) => {
  // bugs: zero point correction, padding of K to 128, column tails
  test.each([
    [1, 65, 64],
    [6, 20, 1152],
    [65, 9, 4304],
    [3, 8, 1],
    [4, 17, 1000],
  ])("gemmI8x128 %i×%i×%i stays within 3e-4 of float64 on Gaussian data", (m, n, k) => {
    expect(towerError(variant, { m, n, k }, randomFloats(m * k, 31))).toBeLessThan(3e-4);
  });

  // bug: one scale per row, with which an outlier channel wipes out all others (5e-2 and more)
  test("12 outlier channels of 50× out of 1152 cost no more than a percent of the energy", () => {
    const k = 1152;
    const x = randomFloats(8 * k, 34).map((value, i) => ((i % k) % 96 === 7 ? value * 50 : value));
    expect(towerError(variant, { m: 8, n: 32, k }, x)).toBeLessThan(2e-3);
  });
});
