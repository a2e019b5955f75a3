import { expect, test } from "vitest";
import { grad } from "../tensor/grad.ts";
import { slotsOf } from "../tensor/graph.ts";
import { interpret } from "../tensor/oracle.ts";
import { ADAMW_DEFAULTS, adamwStep } from "../train/adamw.ts";
import { answerGraph, type EncodedPair, preferenceGraph, preferenceInputs } from "../train/preference-graph.ts";
import { TINY, TINY_SHAPE, tinySample, tinyWeights } from "../train/testing/tiny-model.ts";
import { addReferences, preferenceMetrics } from "./reference.ts";

const OPTIONS = { shape: { ...TINY_SHAPE, views: 4 }, pairs: 3, beta: 0.1 };
const FORWARD = answerGraph(TINY, OPTIONS);

const PAIRS: readonly EncodedPair[] = [1, 2].map((seed) => ({
  chosen: tinySample(seed, { rows: 1, columns: 3, words: 3, answer: 4 }),
  rejected: tinySample(seed + 50, { rows: 1, columns: 3, words: 3, answer: 3 }),
}));

function answers(weights: Readonly<Record<string, ArrayLike<number>>>) {
  return async (inputs: Readonly<Record<string, Float32Array | Int32Array>>) => {
    const { outputs } = interpret(FORWARD, { extents: slotsOf(FORWARD), weights, inputs });
    return { chosen: Float32Array.from(outputs.chosen.data), rejected: Float32Array.from(outputs.rejected.data) };
  };
}

// would catch: reference and policy exchanged, answers of one pair read from another's rows, a sign
test("a DPO step raises the margin and starts from log 2", async () => {
  const weights = tinyWeights(FORWARD);
  const settings = { model: TINY, shape: OPTIONS.shape, pairs: OPTIONS.pairs };
  const pairs = await addReferences(PAIRS, answers(weights), settings);
  const names = Object.keys(FORWARD.weights).filter((name) => !name.startsWith("computed."));
  const graph = grad(preferenceGraph(TINY, OPTIONS), "loss", names);
  const inputs = { ...preferenceInputs(pairs, { ...settings, pairScale: 1 / pairs.length }), lossScale: [1] };
  const before = interpret(graph, { extents: slotsOf(graph), weights, inputs }).outputs;
  expect(before.loss.data[0]).toBeCloseTo(Math.log(2), 5);
  expect(
    preferenceMetrics(pairs, { chosen: before.chosen.data, rejected: before.rejected.data }, 0.1).margin,
  ).toBeCloseTo(0, 5);
  for (const name of names) {
    const moments = { first: new Float32Array(weights[name].length), second: new Float32Array(weights[name].length) };
    const gradient = Float32Array.from(before[`grad:${name}`].data);
    const parameter = { name, values: weights[name], moments, isDecayed: false };
    adamwStep(parameter, gradient, { step: 1, rate: 1e-3, scale: 1, options: ADAMW_DEFAULTS });
  }
  const after = interpret(graph, { extents: slotsOf(graph), weights, inputs }).outputs;
  const metrics = preferenceMetrics(pairs, { chosen: after.chosen.data, rejected: after.rejected.data }, 0.1);
  expect(after.loss.data[0]).toBeLessThan(Math.log(2) - 0.01);
  expect(metrics.margin).toBeGreaterThan(0.02);
  expect(metrics.accuracy).toBe(1);
});

// would catch: log-probabilities that count the question, or lose the answer's last token
test("log-probabilities are those of each answer alone", async () => {
  const weights = tinyWeights(FORWARD);
  const settings = { model: TINY, shape: OPTIONS.shape, pairs: OPTIONS.pairs };
  const together = await addReferences(PAIRS, answers(weights), settings);
  for (const [i, pair] of PAIRS.entries()) {
    const [alone] = await addReferences([pair], answers(weights), settings);
    expect(together[i].referenceChosen).toBeCloseTo(alone.referenceChosen, 5);
    expect(together[i].referenceRejected).toBeCloseTo(alone.referenceRejected, 5);
  }
  const half = { ...PAIRS[0].chosen, supervised: PAIRS[0].chosen.supervised.map((_, t) => t === 11) };
  const [single] = await addReferences([{ ...PAIRS[0], chosen: half }], answers(weights), settings);
  expect(single.referenceChosen).toBeGreaterThan(together[0].referenceChosen);
});
