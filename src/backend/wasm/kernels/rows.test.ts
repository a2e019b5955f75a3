import { describe, expect, test } from "vitest";
import { bits, kernelBench, nmse, randomFloats, VARIANTS } from "./test-harness.ts";

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
const UNARY: Readonly<Record<string, (x: number) => number>> = {
  exp: Math.exp,
  sigmoid,
  tanh: Math.tanh,
  softplus: (x) => Math.log1p(Math.exp(-Math.abs(x))) + Math.max(x, 0),
  geluTanh: (x) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))),
  geluErf: (x) => x * normalCdf(x),
  silu: (x) => x * sigmoid(x),
};
const BINARY: Readonly<Record<string, (a: number, b: number) => number>> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  siluMul: (a, b) => a * sigmoid(a) * b,
  mulSigmoid: (a, b) => a * sigmoid(b),
};
const SIZES = [1, 63, 64, 65, 1000];

describe.each(VARIANTS)("relaxed $relaxed, threads $threads", (variant) => {
  // bugs: tails left out, a wrong coefficient, cancellation near zero
  test.each(Object.keys(UNARY))("%s has a relative error of at most 1e-6 from −20 to 20", (name) => {
    const bench = kernelBench(variant);
    for (const size of SIZES) {
      const x = Float32Array.from({ length: size }, (_, i) => (size === 1 ? 0.3 : -20 + (40 * i) / (size - 1)));
      const y = bench.reserve(size * 4);
      bench.run(name, bench.place(x), y, 0, size);
      const got = bench.floats(y, size + 1);
      for (const [i, value] of x.entries()) {
        const expected = UNARY[name](value);
        // far negative tails of the gelus are below 1e-20: an absolute floor stands in for the relative bound
        const tolerance = 1e-6 * Math.max(Math.abs(expected), name.startsWith("gelu") ? 1e-4 : 1e-9);
        expect(Math.abs(got[i] - expected), `${name}(${value})`).toBeLessThanOrEqual(tolerance);
      }
      expect(bench.bytes(y + size * 4, 4)).toEqual(new Uint8Array(4).fill(0xcd));
    }
  });

  // bug: extremes that overflow the exponent arithmetic
  test("activations stay finite and exact at their limits", () => {
    const bench = kernelBench(variant);
    const x = Float32Array.of(-1e30, -200, -88, 0, -0, 200, 1e30);
    const y = bench.reserve(x.byteLength);
    const expected: Readonly<Record<string, number[]>> = {
      sigmoid: [0, 0, 0, 0.5, 0.5, 1, 1],
      tanh: [-1, -1, -1, 0, 0, 1, 1],
      silu: [0, 0, 0, 0, 0, 200, 1e30],
      geluErf: [0, 0, 0, 0, 0, 200, 1e30],
      geluTanh: [0, 0, 0, 0, 0, 200, 1e30],
      softplus: [0, 0, 0, Math.LN2, Math.LN2, 200, 1e30],
    };
    for (const [name, values] of Object.entries(expected)) {
      bench.run(name, bench.place(x), y, 0, x.length);
      const got = bench.floats(y, x.length);
      for (const [i, value] of values.entries()) {
        expect(Math.abs(got[i] - value), `${name}(${x[i]})`).toBeLessThanOrEqual(1e-6 * Math.max(1, Math.abs(value)));
      }
    }
  });

  test.each(Object.keys(BINARY))("%s equals float64 at every size, cut anywhere", (name) => {
    const bench = kernelBench(variant);
    for (const size of SIZES) {
      const a = randomFloats(size, 1, 50);
      const b = randomFloats(size, 2);
      const y = bench.reserve(size * 4);
      const cut = Math.floor(size / 3);
      const args = [bench.place(a), bench.place(b), y];
      bench.run(name, ...args, 0, cut);
      bench.run(name, ...args, cut, size);
      expect(
        nmse(
          bench.floats(y, size),
          a.map((value, i) => BINARY[name](value, b[i])),
        ),
      ).toBeLessThan(1e-12);
    }
  });

  // bugs: tail lanes counted in a sum, epsilon inside or outside the root, weight offset forgotten
  test.each(SIZES)("norms and softmax of width %i equal float64", (n) => {
    const bench = kernelBench(variant);
    const m = 3;
    const x = randomFloats(m * n, 3, 50).map((value) => value + 2);
    const [weight, bias] = [randomFloats(n, 4), randomFloats(n, 5)];
    const [xAt, weightAt, biasAt] = [bench.place(x), bench.place(weight), bench.place(bias)];
    const y = bench.reserve(x.byteLength);
    const rows = [xAt, n * 4, y, n * 4, 0, m, n];
    const check = (name: string, args: number[], expected: (row: Float32Array) => number[]): void => {
      bench.run(name, ...rows, ...args);
      const want = Array.from({ length: m }, (_, r) => expected(x.subarray(r * n, (r + 1) * n))).flat();
      expect(nmse(bench.floats(y, m * n), want), name).toBeLessThan(1e-10);
    };
    const mean = (row: Float32Array): number => row.reduce((sum, value) => sum + value, 0) / n;
    const meanSquare = (row: Float32Array, centre: number): number =>
      row.reduce((sum, value) => sum + (value - centre) ** 2, 0) / n;
    check("layerNorm", [weightAt, biasAt, bits(1e-6)], (row) => {
      const centre = mean(row);
      const inverse = 1 / Math.sqrt(meanSquare(row, centre) + 1e-6);
      return [...row].map((value, i) => (value - centre) * inverse * weight[i] + bias[i]);
    });
    check("rmsNorm", [weightAt, bits(1e-6), bits(1)], (row) => {
      const inverse = 1 / Math.sqrt(meanSquare(row, 0) + 1e-6);
      return [...row].map((value, i) => value * inverse * (weight[i] + 1));
    });
    check("l2Norm", [bits(1e-6), bits(0.25)], (row) => {
      const inverse = 0.25 / Math.sqrt(meanSquare(row, 0) * n + 1e-6);
      return [...row].map((value) => value * inverse);
    });
    check("softmaxRows", [bits(0.5)], (row) => {
      const shifted = [...row].map((value) => Math.exp((value - Math.max(...row)) * 0.5));
      const total = shifted.reduce((sum, value) => sum + value, 0);
      return shifted.map((value) => value / total);
    });
  });
});

/** Φ(x) in float64: series near zero, continued fraction in the tail. */
function normalCdf(x: number): number {
  const z = Math.abs(x) / Math.SQRT2;
  let tail = 0;
  if (z < 2.5) {
    let sum = 0;
    let term = z;
    for (let n = 0; n < 80; n++) {
      sum += term / (2 * n + 1);
      term *= (-z * z) / (n + 1);
    }
    tail = 0.5 - sum / Math.sqrt(Math.PI);
  } else {
    let fraction = 0;
    for (let k = 120; k > 0; k--) fraction = k / 2 / (z + fraction);
    tail = (0.5 * Math.exp(-z * z)) / Math.sqrt(Math.PI) / (z + fraction);
  }
  return x < 0 ? tail : 1 - tail;
}
