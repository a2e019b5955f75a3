import { describe, expect, test } from "vitest";
import { numberToFloat16 } from "../../../base/float16.ts";
import { attentionScratchBytes } from "./attention-f32.ts";
import { ATTENTION_CASES, all, operands, referenceAttention } from "./test-attention.ts";
import { bits, kernelBench, nmse, randomFloats, VARIANTS } from "./test-harness.ts";

describe.each(VARIANTS)("attention, relaxed $relaxed, threads $threads", (variant) => {
  // bugs: masks or the running maximum wrong at block edges, heads of a group mixed, a range cut that changes bits
  test.each(Object.entries(ATTENTION_CASES))(
    "%s equals float64 loops and does not depend on how rows are cut",
    (_, c) => {
      const bench = kernelBench(variant);
      const { q, k, v, scale } = operands(c);
      const run = (cuts: readonly number[]): Float32Array => {
        const y = bench.reserve(q.byteLength);
        const spans = bench.place(Int32Array.from({ length: c.rows * 2 }, (__, i) => c.span(i >> 1)[i & 1]));
        const rowBytes = c.width * 4;
        // q and y head-major [H, N, C], k and v token-major [M, G, C]
        const query = [bench.place(q), c.rows * rowBytes, rowBytes, y, c.rows * rowBytes, rowBytes];
        const keyValue = [k, v].flatMap((x) => [bench.place(x), rowBytes, c.groups * rowBytes]);
        for (const [index, begin] of cuts.slice(0, -1).entries()) {
          const range = [begin, cuts[index + 1], 0, c.groups, c.heads / c.groups, c.width, spans, bits(scale)];
          bench.run("attentionF32", ...query, ...keyValue, ...range, bench.reserve(attentionScratchBytes(c.width)));
        }
        return bench.floats(y, q.length);
      };
      const whole = run([0, c.rows]);
      expect(nmse(whole, referenceAttention(c, q, k, v, scale))).toBeLessThan(1e-7);
      expect(run([0, Math.floor(c.rows / 3), c.rows])).toEqual(whole);
    },
  );

  // bugs: page arithmetic, sequences mixed within a block, f16 subnormals
  test.each([
    ["attentionCachedF16", 1e-6],
    ["attentionCachedF32", 1e-7],
  ] as const)("%s over shuffled pages equals float64 loops", (name, bound) => {
    const bench = kernelBench(variant);
    const isHalf = name === "attentionCachedF16";
    const [heads, groups, width, pageSize] = [6, 2, 64, 16];
    const table = [3, 0, 5, 8, 2, 7, 1, 6, 4, 9, 10, 11]; // two sequences of six pages
    const lengths = [...[61, 62, 63].map((n) => [0, n]), ...[90, 91, 92, 93].map((n) => [1, n]), [0, 5]];
    const rows = lengths.length;
    const q = randomFloats(heads * rows * width, 1);
    const [k, v] = [randomFloats(12 * pageSize * groups * width, 2), randomFloats(12 * pageSize * groups * width, 3)];
    const store = (x: Float32Array) => bench.place(isHalf ? Uint16Array.from(x, numberToFloat16) : x);
    const y = bench.reserve(q.byteLength);
    const headBytes = width * (isHalf ? 2 : 4);
    const query = [bench.place(q), rows * width * 4, width * 4, y, rows * width * 4, width * 4];
    const cache = [store(k), store(v), groups * headBytes, headBytes, bench.place(Int32Array.from(table)), 6, pageSize];
    const range = [
      0,
      rows,
      0,
      groups,
      heads / groups,
      width,
      bench.place(Int32Array.from(lengths.flat())),
      bits(0.125),
    ];
    bench.run(name, ...query, ...cache, ...range, bench.reserve(attentionScratchBytes(width)));
    const expected: number[] = [];
    for (let h = 0; h < heads; h++) {
      for (const [t, [sequence, length]] of lengths.entries()) {
        const gathered = (x: Float32Array): Float32Array =>
          Float32Array.from({ length: length * width }, (_, i) => {
            const p = Math.floor(i / width);
            const slot = table[sequence * 6 + Math.floor(p / pageSize)] * pageSize + (p % pageSize);
            return x[(slot * groups + Math.floor(h / 3)) * width + (i % width)];
          });
        const one = { rows: 1, keys: length, heads: 1, groups: 1, width, span: all(length) };
        const row = q.subarray((h * rows + t) * width, (h * rows + t + 1) * width);
        expected.push(...referenceAttention(one, row, gathered(k), gathered(v), 0.125));
      }
    }
    expect(nmse(bench.floats(y, q.length), expected)).toBeLessThan(bound);
  });
});
