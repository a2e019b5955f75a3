import { expect, test } from "vitest";
import { seededRandom } from "../base/random.ts";
import { interpret } from "../tensor/oracle.ts";
import { orthogonalGraph } from "./muon.ts";

// would catch: a wrong side, a wrong coefficient, a transposed product. Five rounds leave singular values within 0.68 to 1.13.
test.each([
  [8, 8],
  [6, 12],
])("a %d×%d matrix becomes nearly orthogonal and keeps its singular directions", (rows, columns) => {
  const random = seededRandom(rows);
  const x = Float32Array.from({ length: rows * columns }, () => random.normal());
  const norm = Math.hypot(...x);
  const input = x.map((value) => value / norm);
  const out = interpret(orthogonalGraph([{ rows, columns }]), { inputs: { "in.0": input }, weights: {} }).outputs[
    "out.0"
  ].data;
  const product = (a: ArrayLike<number>, b: ArrayLike<number>, i: number, j: number): number => {
    let sum = 0;
    for (let k = 0; k < columns; k++) sum += a[i * columns + k] * b[j * columns + k];
    return sum;
  };
  // traces of (U Uᵀ) and (U Uᵀ)²: all squared singular values lie near 1
  let [trace, square] = [0, 0];
  for (let i = 0; i < rows; i++) {
    trace += product(out, out, i, i);
    for (let j = 0; j < rows; j++) square += product(out, out, i, j) ** 2;
  }
  expect(trace / rows).toBeGreaterThan(0.6);
  expect(trace / rows).toBeLessThan(1.3);
  expect(square / rows - (trace / rows) ** 2).toBeLessThan(0.15);
  // U Xᵀ is symmetric where U comes from X alone
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < i; j++) expect(product(out, input, i, j)).toBeCloseTo(product(out, input, j, i), 8);
  }
});
