import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createWasmBackend } from "../backend/wasm/wasm-backend.ts";
import type { Backend } from "../tensor/backend.ts";
import { slotsOf } from "../tensor/graph.ts";
import { interpret } from "../tensor/oracle.ts";
import { dequantise } from "../weights/quant/dequantise.ts";
import { WeightAverage } from "./ema.ts";
import { TrainingDivergedError } from "./errors.ts";
import { initialiseLora, isLoraTrainable, isLoraWeight, type LoraOptions, mergeLora, withLora } from "./lora.ts";
import { packInputs, supervisedCount } from "./pack-inputs.ts";
import { TINY, TINY_SHAPE, tinySample, tinyWeights } from "./testing/tiny-model.ts";
import { type PackInputs, Trainer } from "./trainer.ts";
import { trainingGraph } from "./training-graph.ts";

const GRAPH = trainingGraph(TINY, { shape: TINY_SHAPE, parts: "text" });
const SAMPLES = [
  tinySample(1, { rows: 2, columns: 3, words: 4, answer: 5 }),
  tinySample(2, { rows: 0, columns: 0, words: 3, answer: 4 }),
];

function pack(): PackInputs {
  const textScale = 1 / SAMPLES.reduce((sum, sample) => sum + supervisedCount(sample), 0);
  return packInputs(SAMPLES, { model: TINY, shape: TINY_SHAPE, textScale });
}

let backend: Backend;
beforeEach(async () => {
  backend = await createWasmBackend({ decode: dequantise });
});
afterEach(() => backend[Symbol.dispose]());

const LORA: LoraOptions = {
  rank: 2,
  alpha: 4,
  targets: /llm\..*layers\.\d+\.self_attn\.(q_proj|v_proj)/,
  modulesToSave: ["embed_tokens"],
};

describe("a stage", () => {
  // would catch: an optimiser that decays or moves what the stage does not train
  test.each([
    ["resampler", /^resampler\./],
    ["vision", /^vpm\./],
    ["language", /^llm\./],
  ])("that trains the %s alone leaves every other weight bit-identical", async (_, pattern) => {
    const weights = tinyWeights(GRAPH);
    const before = Object.fromEntries(Object.entries(weights).map(([name, values]) => [name, values.slice()]));
    using trainer = await Trainer.create({ backend, graph: GRAPH, weights, trainable: (name) => pattern.test(name) });
    for (let step = 1; step <= 3; step++) await trainer.step([pack()], { step, rate: 1e-2 });
    for (const [name, values] of Object.entries(weights)) {
      if (pattern.test(name)) expect(values, name).not.toEqual(before[name]);
      else expect(values, name).toEqual(before[name]);
    }
  });
});

describe("parameter groups", () => {
  // would catch: a group's rate or decay taken for everything, or for nothing
  test("have their own rate and decay", async () => {
    const run = async (rateScale: number): Promise<Float32Array> => {
      const weights = tinyWeights(GRAPH);
      const groups = [{ matches: (name: string) => name.startsWith("vpm."), rateScale, weightDecay: 0 }];
      using trainer = await Trainer.create({ backend, graph: GRAPH, weights, trainable: () => true, groups });
      await trainer.step([pack()], { step: 1, rate: 1e-3 });
      return weights["vpm.encoder.layers.0.mlp.fc1.weight"];
    };
    const start = tinyWeights(GRAPH)["vpm.encoder.layers.0.mlp.fc1.weight"];
    expect(await run(0)).toEqual(start);
    expect(await run(1)).not.toEqual(start);
  });
});

describe("a loss that is not a number", () => {
  // would catch: one bad sample turning every weight into NaN
  test("names what was in the pack and changes no weight", async () => {
    const weights = tinyWeights(GRAPH);
    const before = Object.fromEntries(Object.entries(weights).map(([name, values]) => [name, values.slice()]));
    using trainer = await Trainer.create({ backend, graph: GRAPH, weights, trainable: () => true });
    const bad = { ...pack(), targetWeights: new Float32Array(TINY_SHAPE.tokens).fill(Number.NaN) };
    const failed = trainer.step([pack(), bad], { step: 7, rate: 1e-3, contents: ["a.json 1", "a.json 2"] });
    await expect(failed).rejects.toThrow(/Step 7: the loss of pack 1 is NaN; it holds a\.json 2/);
    await expect(failed).rejects.toBeInstanceOf(TrainingDivergedError);
    for (const [name, values] of Object.entries(weights)) expect(values, name).toEqual(before[name]);
  });
});

describe("adapters", () => {
  const graph = withLora(GRAPH, LORA);
  const logits = (weights: Readonly<Record<string, Float32Array>>, which = graph): Float64Array =>
    interpret(which, { extents: slotsOf(which), weights, inputs: pack() }).outputs.loss.data;

  // would catch: an adapter that changes the model before it has learnt anything
  test("start as the model they adapt", () => {
    const weights = { ...tinyWeights(GRAPH), ...initialiseLora(graph, 3) };
    expect(logits(weights)[0]).toBeCloseTo(logits(tinyWeights(GRAPH), GRAPH)[0], 12);
  });

  test("and saved modules train, the rest stays bit-identical, and merging keeps the loss", async () => {
    const base = tinyWeights(GRAPH);
    const weights = { ...tinyWeights(GRAPH), ...initialiseLora(graph, 3) };
    using trainer = await Trainer.create({ backend, graph, weights, trainable: (name) => isLoraTrainable(name, LORA) });
    const losses: number[] = [];
    for (let step = 1; step <= 8; step++) losses.push((await trainer.step([pack()], { step, rate: 2e-2 })).loss);
    expect(losses[7]).toBeLessThan(losses[0] - 0.1);
    expect(Object.keys(weights).filter(isLoraWeight).length).toBe(2 * 2 * TINY.decoder.layerCount);
    for (const [name, values] of Object.entries(base)) {
      if (name.includes("embed_tokens")) expect(weights[name], name).not.toEqual(values);
      else expect(weights[name], name).toEqual(values);
    }
    const merged = mergeLora(weights, LORA);
    expect(Object.keys(merged).sort()).toEqual(Object.keys(base).sort());
    expect(logits(merged, GRAPH)[0]).toBeCloseTo(logits(weights)[0], 5);
  });

  test("that match nothing are refused", () => {
    expect(() => withLora(GRAPH, { ...LORA, targets: /q_proj/ })).toThrow(/No linear map/);
  });
});

// would catch: an average that never leaves the first, random weights
test("the average of weights follows them and reaches them when they stand still", () => {
  const values = Float32Array.of(0, 0);
  const moments = { first: new Float32Array(2), second: new Float32Array(2) };
  const parameters = [{ name: "w", values, moments, isDecayed: false }];
  const average = new WeightAverage(parameters, { decay: 0.9 });
  values.set([1, -2]);
  for (let step = 1; step <= 200; step++) average.update(parameters, step);
  expect(average.values.w[0]).toBeCloseTo(1, 5);
  expect(average.values.w[1]).toBeCloseTo(-2, 5);
});
