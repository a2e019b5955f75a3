import { describe, expect, test } from "vitest";
import { bfloat16ToNumber, float16ToNumber, numberToBfloat16, numberToFloat16 } from "../../../base/float16.ts";
import { kernelBench, nmse, randomFloats, VARIANTS } from "./test-harness.ts";

describe.each(VARIANTS)("rows, relaxed $relaxed, threads $threads", (variant) => {
  // bugs: angle reduced in f32, quadrant signs, sine and cosine swapped
  test("rotary equals float64 up to position 32768 in both pairings", () => {
    const bench = kernelBench(variant);
    const [heads, pairs, width] = [3, 32, 96];
    const positions = Int32Array.of(0, 1, 2, 77, 4095, 32768);
    const rows = positions.length;
    const frequencies = Float32Array.from({ length: pairs }, (_, i) => 1e6 ** (-i / pairs));
    const x = randomFloats(heads * rows * width, 1);
    const table = bench.reserve(rows * 2 * pairs * 4);
    bench.run("rotaryTable", bench.place(positions), bench.place(frequencies), pairs, table, 0, rows, 0);
    for (const pairing of ["Half", "Adjacent"]) {
      const y = bench.reserve(x.byteLength);
      const strides = [rows * width * 4, width * 4];
      bench.run(`rotary${pairing}`, bench.place(x), ...strides, y, ...strides, 0, heads, 0, rows, width, pairs, table);
      const expected = Float64Array.from(x);
      for (let r = 0; r < heads * rows; r++) {
        for (let i = 0; i < pairs; i++) {
          const angle = Math.fround(positions[r % rows] * frequencies[i]);
          const a = r * width + (pairing === "Half" ? i : 2 * i);
          const b = a + (pairing === "Half" ? pairs : 1);
          expected[a] = x[a] * Math.cos(angle) - x[b] * Math.sin(angle);
          expected[b] = x[a] * Math.sin(angle) + x[b] * Math.cos(angle);
        }
      }
      expect(nmse(bench.floats(y, x.length), expected)).toBeLessThan(1e-12);
    }
  });

  // bug: subnormals, ties or saturation of the f16 conversions
  test("append to an f16 cache rounds as base/float16 down to 2^-14 and gather widens back, all finite halves", () => {
    const bench = kernelBench(variant);
    const halves = Uint16Array.from({ length: 65536 }, (_, i) => i).filter((i) => (i & 0x7c00) !== 0x7c00);
    const exact = Float32Array.from(halves, float16ToNumber);
    const width = 2048; // 31 rows of 2048 are all finite halves
    const rows = halves.length / width;
    const widened = bench.reserve(halves.length * 4);
    const ids = bench.place(Int32Array.from({ length: rows }, (_, i) => i));
    bench.run("gatherRowsF16", bench.place(halves), ids, widened, width * 4, 0, rows, width);
    expect(bench.floats(widened, exact.length)).toEqual(exact);
    // every tie between neighbours and a value on each side of it
    const values = exact.map((value, i) => value + [0, 0.5, 0.4999, 0.5001][i & 3] * 2 ** -24);
    values.set([65519, 65521, 1e9, -1e9, 6.1e-5, 2 ** -25, 3 * 2 ** -25]);
    const cache = bench.reserve(halves.length * 2);
    const place = [bench.place(values), 0, width * 4, cache, width * 2, 0];
    bench.run("appendF16", ...place, ids, 0, rows, 0, 1, width);
    const expected = Uint16Array.from(values, (v) =>
      Math.abs(v) < 2 ** -14
        ? Object.is(Math.sign(v), -1) || Object.is(v, -0)
          ? 0x8000
          : 0
        : numberToFloat16(Math.max(-65504, Math.min(65504, v))),
    );
    expect(bench.bytes(cache, halves.length * 2)).toEqual(new Uint8Array(expected.buffer));
  });

  // bugs: tail columns, wrong row stride
  test.each([1, 63, 64, 65, 1000])("gathers, splices and means of width %i equal plain loops", (n) => {
    const bench = kernelBench(variant);
    const table = randomFloats(9 * n, 3);
    const ids = [4, 4, 0, 8];
    const y = bench.reserve(4 * n * 4);
    const idsAt = bench.place(Int32Array.from(ids));
    const rowOf = (data: ArrayLike<number>, id: number): number[] => Array.from(data).slice(id * n, (id + 1) * n);
    bench.run("gatherRowsF32", bench.place(table), idsAt, y, n * 4, 0, 4, n);
    expect([...bench.floats(y, 4 * n)]).toEqual(ids.flatMap((id) => rowOf(table, id)));
    const brain = Uint16Array.from(table, numberToBfloat16);
    bench.run("gatherRowsBF16", bench.place(brain), idsAt, y, n * 4, 0, 4, n);
    expect([...bench.floats(y, 4 * n)]).toEqual(ids.flatMap((id) => rowOf(brain, id).map(bfloat16ToNumber)));
    const target = bench.place(table);
    const rows = randomFloats(2 * n, 4);
    bench.run("spliceRows", bench.place(rows), n * 4, bench.place(Int32Array.of(7, 2)), target, n * 4, 0, 2, n * 4);
    expect(rowOf(bench.floats(target, 9 * n), 7)).toEqual(rowOf(rows, 0));
    expect(rowOf(bench.floats(target, 9 * n), 2)).toEqual(rowOf(rows, 1));
    expect(rowOf(bench.floats(target, 9 * n), 3)).toEqual(rowOf(table, 3));
    bench.run("meanRows", bench.place(table), y, 0, 3, 3, n);
    const means = Array.from({ length: 3 * n }, (_, i) => {
      const [g, c] = [Math.floor(i / n), i % n];
      return (table[g * 3 * n + c] + table[(g * 3 + 1) * n + c] + table[(g * 3 + 2) * n + c]) / 3;
    });
    expect(nmse(bench.floats(y, 3 * n), means)).toBeLessThan(1e-12);
  });

  // bug: inner and outer strides exchanged; a later equal maximum taken
  test("copyStrided splits heads and argmax takes the lowest index", () => {
    const bench = kernelBench(variant);
    const [heads, rows, width] = [3, 5, 7];
    const x = randomFloats(rows * heads * width, 6);
    const y = bench.reserve(x.byteLength);
    const from = [bench.place(x), width * 4, heads * width * 4];
    bench.run("copyStrided", ...from, y, rows * width * 4, width * 4, 0, heads, rows, width * 4);
    const expected = x.map((_, i) => {
      const [h, n, c] = [Math.floor(i / (rows * width)), Math.floor(i / width) % rows, i % width];
      return x[(n * heads + h) * width + c];
    });
    expect(bench.floats(y, x.length)).toEqual(expected);
    const out = bench.reserve(8);
    const logits = bench.place(Float32Array.of(1, 5, 2, 5, -9, -3, -3, -8));
    bench.run("argmaxRows", logits, 16, out, 0, 2, 4);
    expect([...new Int32Array(bench.bytes(out, 8).buffer)]).toEqual([1, 1]);
  });
});
