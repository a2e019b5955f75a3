import { expect, test } from "vitest";
import { createWasmBackend } from "../backend/wasm/wasm-backend.ts";
import { dequantise } from "../weights/quant/dequantise.ts";
import { packInputs, supervisedCount } from "./pack-inputs.ts";
import { TINY, TINY_SHAPE, tinySample, tinyWeights } from "./testing/tiny-model.ts";
import { Trainer } from "./trainer.ts";
import { trainingGraph } from "./training-graph.ts";

const PLACES = { layer: 0, placeCount: TINY.resampler.queryCount };

// would catch: a head whose loss is not in the sum, or whose gradient does not reach the layers below it
test("the head of places learns where each row looks, and moves the layer it reads", async () => {
  const graph = trainingGraph(TINY, { shape: TINY_SHAPE, parts: "text", places: PLACES });
  const weights = tinyWeights(graph);
  const below = weights["llm.model.layers.0.mlp.down_proj.weight"].slice();
  const sample = tinySample(1, { rows: 2, columns: 3, words: 4, answer: 5 });
  const placeTargets = Int32Array.from({ length: TINY_SHAPE.tokens }, (_, t) => t % PLACES.placeCount);
  const placeWeights = Float32Array.from(placeTargets, (_, t) => (t < sample.ids.length ? 1 / sample.ids.length : 0));
  // nothing is asked of the text: all that is learnt is the head's
  const textScale = 0 / supervisedCount(sample);
  const pack = { ...packInputs([sample], { model: TINY, shape: TINY_SHAPE, textScale }), placeTargets, placeWeights };
  using backend = await createWasmBackend({ decode: dequantise });
  using trainer = await Trainer.create({ backend, graph, weights, trainable: () => true });
  const first = await trainer.step([pack], { step: 1, rate: 1e-2 });
  expect(first.loss).toBeGreaterThan(0.5);
  let last = first;
  for (let step = 2; step <= 60; step++) last = await trainer.step([pack], { step, rate: 1e-2 });
  expect(last.loss).toBeLessThan(0.1);
  const found = last.last.placePrediction.slice(0, sample.ids.length);
  expect([...found]).toEqual([...placeTargets.slice(0, sample.ids.length)]);
  expect(weights["llm.model.layers.0.mlp.down_proj.weight"]).not.toEqual(below);
});

// would catch: a head on the last layer, which no row reaches, left out in silence
test("a head on the last layer is refused", () => {
  const places = { ...PLACES, layer: TINY.decoder.layerCount - 1 };
  expect(() => trainingGraph(TINY, { shape: TINY_SHAPE, parts: "text", places })).toThrow(/layer 1 of 2/);
});
