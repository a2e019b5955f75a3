import { describe, expect, test } from "vitest";
import { kernelBench, nmse, randomFloats, VARIANTS } from "./test-harness.ts";

describe.each(VARIANTS)("recurrent, relaxed $relaxed, threads $threads", (variant) => {
  // bugs: history shifted the wrong way, sequences mixed, channel tails
  test("causalConv over two sequences equals float64, step after step", () => {
    const bench = kernelBench(variant);
    const [channels, taps, rows] = [70, 4, 9];
    const sequence = [1, 1, 1, 1, 1, 0, 0, 0, 0];
    const x = randomFloats(rows * channels, 1);
    const weight = randomFloats(taps * channels, 2); // [J][channels]
    const history = randomFloats(2 * (taps - 1) * channels, 3);
    const [y, historyAt] = [bench.reserve(x.byteLength), bench.place(history)];
    const place = [bench.place(x), channels * 4, bench.place(weight), historyAt];
    const rest = [bench.place(Int32Array.from(sequence)), y, channels * 4, rows];
    bench.run("causalConv", ...place, ...rest, 0, 33, channels, taps);
    bench.run("causalConv", ...place, ...rest, 33, channels, channels, taps);
    const past = [0, 1].map((s) =>
      [0, 1, 2].map((j) => Array.from(history.subarray((s * 3 + j) * channels, (s * 3 + j + 1) * channels))),
    );
    const expected: number[] = [];
    for (const [t, s] of sequence.entries()) {
      const now = Array.from(x.subarray(t * channels, (t + 1) * channels));
      const window = [...past[s], now];
      for (let c = 0; c < channels; c++) {
        expected.push(window.reduce((sum, values, j) => sum + weight[j * channels + c] * values[c], 0));
      }
      past[s] = window.slice(1);
    }
    expect(nmse(bench.floats(y, x.length), expected)).toBeLessThan(1e-12);
    expect([...bench.floats(historyAt, history.length)]).toEqual(past.flat(2));
  });

  // bugs: decay after the read, delta from the undecayed state, state of another head or sequence
  test("deltaNet equals float64 on two sequences and three heads", () => {
    const bench = kernelBench(variant);
    const [heads, rows, width, valueWidth] = [3, 12, 16, 24];
    const sequence = Array.from({ length: rows }, (_, t) => (t < 7 ? 1 : 0));
    const [q, k] = [randomFloats(heads * rows * width, 1), randomFloats(heads * rows * width, 2)];
    for (let i = 0; i < k.length; i++) k[i] /= 4;
    const v = randomFloats(heads * rows * valueWidth, 3);
    const decay = randomFloats(rows * heads, 4).map((value) => -Math.abs(value) / 4);
    const beta = randomFloats(rows * heads, 5).map((value) => 1 / (1 + Math.exp(-value)));
    const state = randomFloats(2 * heads * width * valueWidth, 6);
    const [y, stateAt] = [bench.reserve(v.byteLength), bench.place(state)];
    const key = [bench.place(q), bench.place(k), rows * width * 4, width * 4];
    const value = [bench.place(v), rows * valueWidth * 4, valueWidth * 4, y, rows * valueWidth * 4, valueWidth * 4];
    const gates = [bench.place(decay), bench.place(beta), stateAt, bench.place(Int32Array.from(sequence)), rows];
    bench.run("deltaNet", ...key, ...value, ...gates, 0, 1, heads, width, valueWidth);
    bench.run("deltaNet", ...key, ...value, ...gates, 1, heads, heads, width, valueWidth);
    const s = Float64Array.from(state);
    const expected = new Float64Array(v.length);
    for (let h = 0; h < heads; h++) {
      for (let t = 0; t < rows; t++) {
        const own = s.subarray((sequence[t] * heads + h) * width * valueWidth).subarray(0, width * valueWidth);
        const row = h * rows + t;
        own.forEach((cell, i) => {
          own[i] = cell * Math.exp(decay[t * heads + h]);
        });
        for (let n = 0; n < valueWidth; n++) {
          let known = 0;
          for (let c = 0; c < width; c++) known += own[c * valueWidth + n] * k[row * width + c];
          const delta = beta[t * heads + h] * (v[row * valueWidth + n] - known);
          for (let c = 0; c < width; c++) {
            own[c * valueWidth + n] += k[row * width + c] * delta;
            expected[row * valueWidth + n] += own[c * valueWidth + n] * q[row * width + c];
          }
        }
      }
    }
    expect(nmse(bench.floats(y, v.length), expected)).toBeLessThan(1e-10);
    expect(nmse(bench.floats(stateAt, state.length), s)).toBeLessThan(1e-10);
  });
});
