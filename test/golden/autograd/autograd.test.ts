import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { grad } from "../../../src/tensor/grad.ts";
import type { Graph } from "../../../src/tensor/graph.ts";
import { interpret } from "../../../src/tensor/oracle.ts";
import { record } from "../../../src/tensor/recorder.ts";
import { type GoldenCase, MODELS } from "./models.ts";

interface GoldenFile {
  readonly operation: string;
  readonly cases: readonly GoldenCase[];
}

const files: readonly GoldenFile[] = readdirSync(import.meta.dirname)
  .filter((name) => name.endsWith(".json"))
  .map((name) => JSON.parse(readFileSync(`${import.meta.dirname}/${name}`, "utf8")));

/** Largest difference between two float64 computations of the same sums, against the largest value. */
const LIMIT = 1e-12;
// rotary angles are rounded to float32 as every published implementation holds them, and torch ran in float64
const LIMITS: Readonly<Record<string, number>> = { rotary: 1e-7 };

function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  expect(actual.length).toBe(expected.length);
  let error = 0;
  let top = 1e-300;
  for (let i = 0; i < expected.length; i++) {
    error = Math.max(error, Math.abs(actual[i] - expected[i]));
    top = Math.max(top, Math.abs(expected[i]));
  }
  return error / top;
}

// A derivative that central differences cannot tell from the right one: both would share our forward pass.
describe.each(files)("values and gradients of $operation equal torch's", ({ operation, cases }) => {
  test.each(cases.map((golden, index) => [index, golden] as const))("case %i", (_, golden) => {
    const inputs: Record<string, ArrayLike<number>> = { upstream: golden.upstream.data, lossScale: [1] };
    const weights: Record<string, ArrayLike<number>> = {};
    const forward: Graph = record((ops) => MODELS[operation](ops, golden, inputs));
    for (const name of Object.keys(golden.gradients)) weights[name] = golden.inputs[name].data;
    const graph = grad(forward, "loss", Object.keys(golden.gradients));
    const limit = LIMITS[operation] ?? LIMIT;
    const { outputs } = interpret(graph, { weights, inputs });
    expect(relativeError(outputs.output.data, golden.output.data), "output").toBeLessThan(limit);
    for (const [name, { data }] of Object.entries(golden.gradients)) {
      expect(relativeError(outputs[`grad:${name}`].data, data), `gradient of ${name}`).toBeLessThan(limit);
    }
  });
});
