import { expect, test } from "vitest";
import { seededRandom } from "../../base/random.ts";
import { candidates, draw, penaliseRepetition } from "./chain.ts";
import { argMax, largest } from "./logits.ts";
import { Sampler } from "./sampler.ts";
import { GREEDY, samplingSettings } from "./settings.ts";

const SAMPLING = { ...GREEDY, temperature: 1 };
const logitsOf = (...probabilities: number[]): Float32Array => Float32Array.from(probabilities, Math.log);

// catches penalties that raise negative logits, or that count a token twice
test("repetition divides positive and multiplies negative logits, once", () => {
  const logits = Float32Array.of(2, -2, 3);
  penaliseRepetition(logits, [0, 1, 0], 2);
  expect([...logits]).toEqual([1, -4, 3]);
});

// catches top-p taken before top-k: 0.4 of 0.9 kept alone reaches 0.44, so p = 0.8 keeps two of the three
test("top-p counts on what top-k left", () => {
  const { ids, probabilities } = candidates(logitsOf(0.4, 0.35, 0.15, 0.1), { ...SAMPLING, topK: 3, topP: 0.8 });
  expect(ids).toEqual([0, 1]);
  expect(probabilities[0]).toBeCloseTo(0.4 / 0.75, 6);
});

// catches top-p that stops one short or goes one beyond where the sum is reached exactly by the last
test("top-p keeps the token that reaches the sum", () => {
  const settings = { ...SAMPLING, topP: 0.7 };
  expect(candidates(logitsOf(0.4, 0.35, 0.15, 0.1), settings).ids).toEqual([0, 1]);
  expect(candidates(logitsOf(0.8, 0.1, 0.1), settings).ids).toEqual([0]);
});

// catches temperature applied after top-p: at 0.5 the probabilities are squared, so one token reaches 0.6
test("temperature comes before top-p", () => {
  const logits = logitsOf(0.5, 0.3, 0.2);
  expect(candidates(logits, { ...SAMPLING, topP: 0.6 }).ids).toEqual([0, 1]);
  expect(candidates(logits, { ...SAMPLING, topP: 0.6, temperature: 0.5 }).ids).toEqual([0]);
});

// catches min-p measured against 1 instead of the best token
test("min-p is a share of the best token's probability", () => {
  expect(candidates(logitsOf(0.5, 0.26, 0.14, 0.1), { ...SAMPLING, minP: 0.5 }).ids).toEqual([0, 1]);
});

// catches forbidden tokens coming back through top-k or the end of a draw
test("a forbidden token is never drawn", () => {
  const logits = Float32Array.of(Number.NEGATIVE_INFINITY, 0, Number.NEGATIVE_INFINITY, 0);
  for (const settings of [SAMPLING, { ...SAMPLING, topK: 3 }, { ...SAMPLING, topP: 0.99 }]) {
    const random = seededRandom(1);
    for (let i = 0; i < 50; i++) expect([1, 3]).toContain(draw(candidates(logits, settings), random));
  }
});

// catches a draw whose frequencies are not the probabilities (seed 5)
test("draws follow the probabilities", () => {
  const random = seededRandom(5);
  const counts = [0, 0, 0];
  for (let i = 0; i < 20_000; i++) counts[draw(candidates(logitsOf(0.6, 0.3, 0.1), SAMPLING), random)]++;
  for (const [i, probability] of [0.6, 0.3, 0.1].entries()) expect(counts[i] / 20_000).toBeCloseTo(probability, 1.7);
});

// catches garbage from a broken file being sampled as if it were an answer
test("logits that are no numbers are refused", () => {
  expect(() => argMax(Float32Array.of(1, Number.NaN))).toThrow(/NaN/);
  expect(() => argMax(Float32Array.of(Number.NEGATIVE_INFINITY))).toThrow(/finite/);
});

// catches a partial selection that differs from a sort
test("the largest logits equal those of a sort", () => {
  const random = seededRandom(3);
  const logits = Float32Array.from({ length: 3000 }, () => Math.round(random.normal() * 20));
  const sorted = Array.from(logits.keys()).sort((a, b) => logits[b] - logits[a] || a - b);
  expect(largest(logits, 40)).toEqual(sorted.slice(0, 40));
});

// catches an answer that ends before its minimum, and probabilities reported after the settings
test("endings wait for minNewTokens, and probabilities are the model's own", () => {
  const settings = { ...GREEDY, minNewTokens: 1, repetitionPenalty: 4 };
  const sampler = new Sampler({ settings, stopIds: new Set([0]) });
  expect(sampler.next(logitsOf(0.6, 0.3, 0.1)).id).toBe(1);
  const second = sampler.next(logitsOf(0.6, 0.3, 0.1));
  expect(second.id).toBe(0);
  expect(second.logProbability).toBeCloseTo(Math.log(0.6), 6);
});

// catches settings outside their range being used
test.each([{ temperature: -1 }, { topP: 1.5 }, { topK: 2.5 }, { maxNewTokens: 0 }, { minP: Number.NaN }])(
  "%j is refused",
  (given) => {
    expect(() => samplingSettings(GREEDY, given)).toThrow(Object.keys(given)[0]);
  },
);
