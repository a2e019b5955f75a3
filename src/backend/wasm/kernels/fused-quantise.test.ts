import { describe, expect, test } from "vitest";
import type { ActivationKind } from "./quantise-activations.ts";
import { activationBytes } from "./quantise-activations.ts";
import { bits, kernelBench, randomFloats, VARIANTS } from "./test-harness.ts";

const KINDS: readonly ActivationKind[] = ["i8x256", "i8x32", "u7x32", "u7x128"];

describe.each(VARIANTS)("fused quantisers, relaxed $relaxed, threads $threads", (variant) => {
  // bugs: row strides mixed up, a row quantised into another's record, arguments of the norms in another order
  test.each(KINDS)("give the bytes of the two steps, however rows are cut: %s", (kind) => {
    const bench = kernelBench(variant, 32);
    const [rows, k] = [7, 1100];
    const [x, b] = [bench.place(randomFloats(rows * k, 1)), bench.place(randomFloats(rows * k, 2))];
    const [weight, bias] = [bench.place(randomFloats(k, 3)), bench.place(randomFloats(k, 4))];
    const [scratch, middle] = [bench.reserve(k * 4), bench.reserve(rows * k * 4)];
    const size = activationBytes(kind, rows, k);
    const quantiser = `uantise${kind.toUpperCase().replace("X", "x")}`;
    const norm = [weight, bias, bits(1e-6)];
    const rms = [weight, bits(1e-6), bits(1)];
    const stride = k * 4;
    const pairs: readonly (readonly [string, readonly number[], readonly number[], readonly number[]])[] = [
      ["geluTanh", [x, middle, 0, rows * k], [x, stride], []],
      ["geluErf", [x, middle, 0, rows * k], [x, stride], []],
      ["siluMul", [x, b, middle, 0, rows * k], [x, stride, b, stride], []],
      ["layerNorm", [x, stride, middle, stride, 0, rows, k, ...norm], [x, stride], norm],
      ["rmsNorm", [x, stride, middle, stride, 0, rows, k, ...rms], [x, stride], rms],
    ];
    for (const [name, first, operands, extra] of pairs) {
      const [expected, fused] = [bench.reserve(size), bench.reserve(size)];
      bench.run(name, ...first);
      bench.run(`q${quantiser}`, middle, stride, expected, 0, rows, k);
      bench.run(`${name}Q${quantiser}`, ...operands, fused, 0, 3, k, ...extra, scratch);
      bench.run(`${name}Q${quantiser}`, ...operands, fused, 3, rows, k, ...extra, scratch);
      expect(bench.bytes(fused, size), name).toEqual(bench.bytes(expected, size));
    }
  });
});
