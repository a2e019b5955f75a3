import { expect, test } from "vitest";
import { seededRandom } from "../base/random.ts";
import { ADAMW_DEFAULTS, adamwStep, globalNorm, isDecayed, type Parameter } from "./adamw.ts";
import { stageRate } from "./run/stage-rate.ts";
import { cosine, warmupStableDecay } from "./schedule.ts";

const COUNT = 50;

/** AdamW as its paper writes it (arXiv 1711.05101, algorithm 2), in float64: moments corrected one by one, decay apart from the step. */
function reference(start: ArrayLike<number>, gradients: readonly ArrayLike<number>[], rate: number, decay: number) {
  const { beta1, beta2, eps } = ADAMW_DEFAULTS;
  return Array.from(start, (value, i) => {
    let [m, v, x] = [0, 0, value];
    for (const [index, gradient] of gradients.entries()) {
      m = beta1 * m + (1 - beta1) * gradient[i];
      v = beta2 * v + (1 - beta2) * gradient[i] ** 2;
      const [first, second] = [m / (1 - beta1 ** (index + 1)), v / (1 - beta2 ** (index + 1))];
      x -= rate * (first / (Math.sqrt(second) + eps) + decay * x);
    }
    return x;
  });
}

// would catch: a moment that is not corrected for its start, decay taken into the moments, epsilon inside the root, decay of what is not decayed
test.each([true, false])("steps equal the paper's formulas, decayed: %s", (decays) => {
  const random = seededRandom(3);
  const draw = (size: number) => Float32Array.from({ length: COUNT }, () => size * random.normal());
  const start = draw(1);
  // tiny gradients too, where epsilon counts
  const gradients = [1, 0.1, 1e-8, 3, 0].map(draw);
  const moments = { first: new Float32Array(COUNT), second: new Float32Array(COUNT) };
  const parameter: Parameter = { name: "w", values: start.slice(), moments, isDecayed: decays };
  for (const [i, gradient] of gradients.entries()) {
    const doubled = gradient.map((value) => 2 * value);
    // clipping halves them again
    adamwStep(parameter, doubled, { step: i + 1, rate: 0.01, scale: 0.5, options: ADAMW_DEFAULTS });
  }
  const expected = reference(start, gradients, 0.01, decays ? ADAMW_DEFAULTS.weightDecay : 0);
  for (const [i, value] of expected.entries()) expect(Math.abs(parameter.values[i] - value), `${i}`).toBeLessThan(2e-6);
  const undecayed = reference(start, gradients, 0.01, 0);
  expect(Math.max(...expected.map((value, i) => Math.abs(value - undecayed[i]))) > 1e-3).toBe(decays);
});

// would catch: norms, biases, positions or queries pulled to zero, or a matrix left out
test("matrices are decayed; vectors, tables and queries are not", () => {
  const kept = [
    ["llm.model.norm.weight", [8]],
    ["vpm.encoder.layers.0.mlp.fc1.bias", [8]],
    ["vpm.embeddings.position_embedding.weight", [9, 8]],
    ["llm.model.embed_tokens.weight", [9, 8]],
    ["resampler.query", [4, 8]],
  ] as const;
  for (const [name, shape] of kept) expect(isDecayed(name, shape), name).toBe(false);
  const decayed = [
    "llm.model.layers.0.mlp.down_proj.weight",
    "resampler.proj",
    "vpm.embeddings.patch_embedding.weight",
  ];
  for (const name of decayed) expect(isDecayed(name, [8, 8]), name).toBe(true);
});

test("the norm of all gradients is one number over all tensors", () => {
  expect(globalNorm([Float32Array.of(3, 0), Float32Array.of(0, 0, 4)])).toBe(5);
});

// would catch: a decay that begins with the stage, one that ends above its floor, a warm-up that begins at full rate
test("the rate warms up, stands, and decays over the last share", () => {
  const rate = (progress: number) =>
    stageRate({ kind: "wsd", warmupShare: 0.1, decayShare: 0.2, floor: 0.05 }, progress);
  expect([0, 0.05, 0.1, 0.5, 0.8].map(rate)).toEqual([0, 0.5, 1, 1, expect.closeTo(1, 12)]);
  expect(rate(0.9)).toBeCloseTo(0.05 + 0.95 * 0.5, 12);
  expect(rate(1)).toBeCloseTo(0.05, 12);
  const bySteps = warmupStableDecay({ warmupSteps: 4, decayShare: 0.5 });
  const at = (step: number, progress: number) => bySteps({ step, progress });
  expect([at(0, 0), at(3, 0.1), at(9, 0.5), at(15, 0.75), at(19, 1)]).toEqual([0.25, 1, 1, 0.5, 0]);
});

test("the cosine goes from one to its floor, half way in the middle", () => {
  const rate = (progress: number) => stageRate({ kind: "cosine", warmupShare: 0, floor: 0.1 }, progress);
  expect(rate(0)).toBeCloseTo(1, 12);
  expect(rate(0.5)).toBeCloseTo(0.55, 12);
  expect(rate(1)).toBeCloseTo(0.1, 12);
  const bySteps = cosine({ warmupSteps: 1, floor: 0.1 });
  for (const progress of [0, 0.3, 1]) expect(bySteps({ step: 5, progress })).toBeCloseTo(rate(progress), 12);
  const warming = stageRate({ kind: "cosine", warmupShare: 0.5, floor: 0 }, 0.25);
  expect(warming).toBeCloseTo(0.5, 12);
  expect(stageRate({ kind: "constant", warmupShare: 0.5 }, 0.25)).toBe(0.5);
});
