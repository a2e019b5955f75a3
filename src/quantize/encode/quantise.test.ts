import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { dequantise } from "../../weights/quant/dequantise.ts";
import { isGgmlType } from "../../weights/quant/formats.ts";
import { quantise } from "./quantise.ts";

interface Case {
  readonly tensor: string;
  readonly type: string;
  readonly importance: boolean;
  readonly rmse: number;
  readonly weightedRmse?: number;
  readonly sha256: string;
}

const goldenFile = new URL("../../../test/golden/quant/encode.json", import.meta.url);
const golden = JSON.parse(readFileSync(goldenFile, "utf8")) as { rows: number; columns: number; cases: Case[] };
const { rows, columns } = golden;

/** The generator of reference/quant/encode_goldens.py: upper 16 bits of a linear congruential generator. */
function integers(seed: number, count: number): number[] {
  let state = seed;
  return Array.from({ length: count }, () => {
    state = (Math.imul(1664525, state) + 1013904223) >>> 0;
    return state >>> 16;
  });
}

function tensors(): Record<string, Float32Array> {
  const count = rows * columns;
  const parts = integers(1, 4 * count);
  const bell = Array.from(
    { length: count },
    (_, i) => (parts[4 * i] + parts[4 * i + 1] + parts[4 * i + 2] + parts[4 * i + 3] - 131070) / 65536,
  );
  const flat = integers(2, count).map((value) => (value - 32768) / 32768);
  return {
    bell: Float32Array.from(bell),
    heavy: Float32Array.from(bell, (value) => value ** 3),
    offset: Float32Array.from(bell, (value) => value * 0.25 + 0.5),
    sparse: Float32Array.from(flat, (value, i) => (i % 16 === 3 && i >= columns ? value : 0)),
    tiny: Float32Array.from(bell, (value) => value * 2 ** -12),
    flat: Float32Array.from(flat),
    constant: new Float32Array(count).fill(0.3125),
  };
}

const inputs = tensors();
const importance = Float32Array.from(integers(3, columns), (value) => 2 ** ((value % 9) - 4));

/** Root mean square error, columns weighted. */
function error(actual: Float32Array, expected: Float32Array, weights?: Float32Array): number {
  let sum = 0;
  let total = 0;
  for (let i = 0; i < actual.length; i++) {
    const weight = weights === undefined ? 1 : weights[i % columns];
    sum += weight * (actual[i] - expected[i]) ** 2;
    total += weight;
  }
  return Math.sqrt(sum / total);
}

const BIT_EXACT = ["F16", "BF16", "Q8_0", "Q4_0", "Q5_0", "Q5_1"];

// Files of these types must be the ones llama.cpp writes: any rounding that differs shows in the hash.
test.each(golden.cases.filter(({ type }) => BIT_EXACT.includes(type)))("$type of $tensor has ggml's bytes", (entry) => {
  if (!isGgmlType(entry.type)) throw new Error(entry.type);
  const bytes = quantise(entry.type, inputs[entry.tensor], columns);
  expect(createHash("sha256").update(bytes).digest("hex").slice(0, 16)).toBe(entry.sha256);
});

// A search that misses a better scale, or scales packed into the wrong bits.
test.each(golden.cases.filter(({ type }) => !BIT_EXACT.includes(type)))(
  "$type of $tensor (importance $importance) is no worse than ggml's",
  ({ tensor, type, importance: isWeighted, rmse, weightedRmse }) => {
    if (!isGgmlType(type)) throw new Error(type);
    const values = inputs[tensor];
    const decoded = dequantise(
      type,
      quantise(type, values, columns, isWeighted ? importance : undefined),
      values.length,
    );
    if (weightedRmse === undefined) expect(error(decoded, values)).toBeLessThanOrEqual(rmse);
    else expect(error(decoded, values, importance)).toBeLessThanOrEqual(weightedRmse);
  },
);

test("rows that are no whole blocks, foreign types and numbers that are not finite are refused", () => {
  expect(() => quantise("Q4_K", new Float32Array(128), 128)).toThrow(/no whole blocks of 256/);
  expect(() => quantise("Q2_K", new Float32Array(256), 256)).toThrow(/Q2_K cannot be written/);
  expect(() => quantise("Q8_0", new Float32Array(32).fill(NaN), 32)).toThrow(/Element 0 is NaN/);
  expect(() => quantise("Q4_K", new Float32Array(256), 256, new Float32Array(255))).toThrow(/255 columns/);
});

// Columns that the calibration never saw have weight zero: no division by zero may come of it.
test("an importance of zeros still gives numbers", () => {
  for (const type of ["Q4_K", "Q5_K", "Q6_K"] as const) {
    const bytes = quantise(type, inputs.bell, columns, new Float32Array(columns));
    const decoded = dequantise(type, bytes, inputs.bell.length, { checkFinite: true });
    expect(error(decoded, inputs.bell)).toBeLessThan(0.2);
  }
});
