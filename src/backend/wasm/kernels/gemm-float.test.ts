import { describe, expect, test } from "vitest";
import { bfloat16ToNumber, float16ToNumber, numberToBfloat16, numberToFloat16 } from "../../../base/float16.ts";
import { FLOAT_SCRATCH_BYTES, packHalfRows } from "./gemm-float.ts";
import { decodeRows, multiply, randomQuantisedRows } from "./test-decode.ts";
import type { KernelBench } from "./test-harness.ts";
import { kernelBench, nmse, randomFloats, VARIANTS } from "./test-harness.ts";
import type { PanelFormatName } from "./weight-panel.ts";
import { PANEL_FORMATS, packQuantisedRows, quantisedPanelBytes } from "./weight-panel.ts";

interface Weight {
  readonly name: string;
  readonly panels: number;
  readonly values: Float64Array;
}

function halfWeight(bench: KernelBench, name: "F16" | "BF16", n: number, k: number): Weight {
  const rows = Uint16Array.from(randomFloats(n * k, 21), name === "F16" ? numberToFloat16 : numberToBfloat16);
  const panels = new Uint16Array(Math.ceil(n / 8) * 8 * k);
  packHalfRows(panels, rows.subarray(0, 3 * k), 0, k);
  packHalfRows(panels, rows.subarray(3 * k), 3, k);
  const values = Float64Array.from(rows, name === "F16" ? float16ToNumber : bfloat16ToNumber);
  return { name, panels: bench.place(panels), values };
}

function quantisedWeight(bench: KernelBench, name: PanelFormatName, n: number, k: number): Weight {
  const rows = randomQuantisedRows(name, n, k, 22);
  const panels = new Uint8Array(quantisedPanelBytes(PANEL_FORMATS[name], n, k));
  packQuantisedRows(PANEL_FORMATS[name], panels, rows, { rowBegin: 0, k });
  return { name: name.replace("_", ""), panels: bench.place(panels), values: decodeRows(name, rows) };
}

const CASES: Readonly<Record<string, (bench: KernelBench, n: number) => readonly [Weight, number]>> = {
  F16: (bench, n) => [halfWeight(bench, "F16", n, 301), 301],
  BF16: (bench, n) => [halfWeight(bench, "BF16", n, 64), 64],
  Q8_0: (bench, n) => [quantisedWeight(bench, "Q8_0", n, 416), 416],
  Q4_0: (bench, n) => [quantisedWeight(bench, "Q4_0", n, 416), 416],
  Q4_1: (bench, n) => [quantisedWeight(bench, "Q4_1", n, 416), 416],
  Q4_K: (bench, n) => [quantisedWeight(bench, "Q4_K", n, 512), 512],
  Q5_K: (bench, n) => [quantisedWeight(bench, "Q5_K", n, 512), 512],
  Q6_K: (bench, n) => [quantisedWeight(bench, "Q6_K", n, 512), 512],
};

describe.each(VARIANTS)("float path, relaxed $relaxed, threads $threads", (variant) => {
  // bugs: bias added once per chunk, accumulate flag lost, min of the wrong sub-block
  test.each(Object.keys(CASES))("gemmFloat and gatherPanels of %s equal float64", (name) => {
    for (const [m, n] of [
      [1, 9],
      [13, 65],
    ]) {
      const bench = kernelBench(variant);
      const [weight, k] = CASES[name](bench, n);
      const x = randomFloats(m * k, 23, 50);
      const bias = randomFloats(Math.ceil(n / 8) * 8, 24);
      const scratch = bench.reserve(FLOAT_SCRATCH_BYTES);
      const y = bench.place(new Float32Array(m * n).fill(2));
      const args = [bench.place(x), k * 4, weight.panels, bench.place(bias), y, n * 4, 0, m, 0, n, k, 1, scratch];
      bench.run(`gemmFloat${weight.name}`, ...args);
      const expected = multiply(x, weight.values, { m, n, k }, bias).map((value) => value + 2);
      expect(nmse(bench.floats(y, m * n), expected)).toBeLessThan(1e-10);
      const ids = [n - 1, 0, 5];
      const rows = bench.reserve(3 * k * 4);
      const idsAt = bench.place(Int32Array.from(ids));
      bench.run(`gatherPanels${weight.name}`, weight.panels, idsAt, rows, k * 4, 0, 3, k, scratch);
      const wanted = ids.flatMap((id) => [...weight.values.subarray(id * k, (id + 1) * k)]);
      expect(nmse(bench.floats(rows, 3 * k), wanted)).toBeLessThan(1e-13);
    }
  });
});
