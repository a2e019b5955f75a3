import { describe, expect, test } from "vitest";
import { f32PanelLength, packF32Rows } from "./gemm-f32.ts";
import { kernelBench, nmse, randomFloats, VARIANTS } from "./test-harness.ts";

const F32_NMSE = 1e-7;

describe.each(VARIANTS)("gemmF32, relaxed $relaxed, threads $threads", (variant) => {
  // bugs: a tail tile that reads or stores a wrong column, bias of the wrong panel, accumulate lost in the tail
  test.each([
    [1, 1, 1],
    [7, 63, 65],
    [65, 64, 64],
    [5, 1000, 13],
    [200, 17, 1000],
  ])("gemmF32 %i×%i×%i equals float64 loops", (m, n, k) => {
    const bench = kernelBench(variant);
    const x = randomFloats(m * k, 1, 50);
    const w = randomFloats(n * k, 2);
    const bias = randomFloats(Math.ceil(n / 8) * 8, 3);
    const before = randomFloats(m * n, 4);
    const panels = new Float32Array(f32PanelLength(n, k));
    packF32Rows(panels, w, 0, k);
    const y = bench.place(before);
    bench.run("gemmF32", bench.place(x), k * 4, bench.place(panels), bench.place(bias), y, n * 4, 0, m, 0, n, k, 1);
    const expected = before.map((start, i) => {
      const [r, c] = [Math.floor(i / n), i % n];
      let sum = start + bias[c];
      for (let j = 0; j < k; j++) sum += x[r * k + j] * w[c * k + j];
      return sum;
    });
    expect(nmse(bench.floats(y, m * n), expected)).toBeLessThan(F32_NMSE);
    expect(bench.bytes(y + m * n * 4, 16).every((byte) => byte === 0xcd || (m * n * 4) % 64 !== 0)).toBe(true);
  });
});
