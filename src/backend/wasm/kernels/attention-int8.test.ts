import { describe, expect, test } from "vitest";
import { attentionInt8ScratchBytes } from "./attention-int8.ts";
import type { AttentionCase } from "./test-attention.ts";
import { ATTENTION_CASES, operands, referenceAttention } from "./test-attention.ts";
import type { KernelBench } from "./test-harness.ts";
import { bits, kernelBench, nmse, randomFloats, VARIANTS } from "./test-harness.ts";

type Operands = ReturnType<typeof operands>;

function run(
  bench: KernelBench,
  c: AttentionCase,
  x: Operands,
  cuts: readonly number[],
  withMean: boolean,
): Float32Array {
  const y = bench.reserve(x.q.byteLength);
  const spans = bench.place(Int32Array.from({ length: c.rows * 2 }, (_, i) => c.span(i >> 1)[i & 1]));
  const rowBytes = c.width * 4;
  const query = [bench.place(x.q), c.rows * rowBytes, rowBytes, y, c.rows * rowBytes, rowBytes];
  const keys = [bench.place(x.k), rowBytes, c.groups * rowBytes];
  const values = [bench.place(x.v), rowBytes, c.groups * rowBytes];
  const mean = withMean ? bench.reserve(c.groups * rowBytes) : 0;
  if (withMean) bench.run("keyMeans", ...keys, c.keys, 0, c.groups, c.width, mean);
  const scratch = bench.reserve(attentionInt8ScratchBytes(c.width));
  for (const [index, begin] of cuts.slice(0, -1).entries()) {
    const range = [begin, cuts[index + 1], 0, c.groups, c.heads / c.groups, c.width, spans, bits(x.scale), scratch];
    bench.run("attentionInt8", ...query, ...keys, ...values, ...range, c.keys, mean);
  }
  return bench.floats(y, x.q.length);
}

describe.each(VARIANTS)("int8 attention, relaxed $relaxed, threads $threads", (variant) => {
  // bugs: zero point correction, a stale key in a partial block, masks, scales that depend on how rows are cut
  test.each(Object.entries(ATTENTION_CASES))(
    "%s stays within 1e-3 of float64, the same bits however rows are cut",
    (_, c) => {
      const bench = kernelBench(variant, 32);
      const x = operands(c);
      const whole = run(bench, c, x, [0, c.rows], false);
      expect(nmse(whole, referenceAttention(c, x.q, x.k, x.v, x.scale))).toBeLessThan(1e-3);
      expect(run(bench, c, x, [0, Math.floor(c.rows / 3), c.rows], false)).toEqual(whole);
    },
  );

  // bug: an offset that all keys share eats the 7 bits; the mean gives them back
  test("keys with a common offset of 30 deviations stay within 1e-3 when their mean is taken off", () => {
    const c = ATTENTION_CASES["one view"];
    const x = operands(c);
    const offset = randomFloats(c.width, 9).map((value) => value * 30);
    const k = x.k.map((value, i) => value + offset[i % c.width]);
    const shifted = { ...x, k };
    const got = run(kernelBench(variant, 32), c, shifted, [0, c.rows], true);
    expect(nmse(got, referenceAttention(c, x.q, k, x.v, x.scale))).toBeLessThan(1e-3);
  });
});

// bug: float steps that fuse in one variant only
test("int8 attention gives the same bits with and without relaxed SIMD", () => {
  const c = ATTENTION_CASES["one view"];
  const x = operands(c);
  const [first, second] = VARIANTS.map((variant) => run(kernelBench(variant, 32), c, x, [0, c.rows], false));
  expect(first).toEqual(second);
});
