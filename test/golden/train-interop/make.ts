// Trains the tiny model and its adapter for a few steps and writes what reference/train-interop.py and the test read.
// usage: node test/golden/train-interop/make.ts, then python reference/train-interop.py
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createOnnxBackend } from "../../../src/backend/onnx/onnx-backend.ts";
import type { Graph } from "../../../src/tensor/graph.ts";
import { writeModelFolder } from "../../../src/train/checkpoint/model-folder.ts";
import { writeAdapter } from "../../../src/train/checkpoint/peft.ts";
import { computedWeights } from "../../../src/train/computed-weights.ts";
import { initialise } from "../../../src/train/initialise.ts";
import { initialiseLora, isLoraTrainable, withLora } from "../../../src/train/lora.ts";
import { packInputs, supervisedCount } from "../../../src/train/pack-inputs.ts";
import { Trainer } from "../../../src/train/trainer.ts";
import { trainingGraph } from "../../../src/train/training-graph.ts";
import { dequantise } from "../../../src/weights/quant/dequantise.ts";
import { INTEROP, INTEROP_CONFIG, INTEROP_LORA, INTEROP_SAMPLE, INTEROP_SHAPE } from "./interop-model.ts";

const STEPS = 12;
const FOLDER = import.meta.dirname;
const sample = INTEROP_SAMPLE;
const inputs = packInputs([sample], { model: INTEROP, shape: INTEROP_SHAPE, textScale: 1 / supervisedCount(sample) });
const backend = await createOnnxBackend({ decode: dequantise });
const shapes = (graph: Graph) => (name: string) => graph.values[graph.weights[name]].dims.map((d) => d.capacity);

async function train(graph: Graph, weights: Record<string, Float32Array>, trainable: (name: string) => boolean) {
  using trainer = await Trainer.create({ backend, graph, weights, trainable });
  const losses: number[] = [];
  for (let step = 1; step <= STEPS; step++) losses.push((await trainer.step([inputs], { step, rate: 3e-3 })).loss);
  console.log(`loss ${losses[0].toFixed(3)} to ${losses[STEPS - 1].toFixed(3)}`);
}

const graph = trainingGraph(INTEROP, { shape: INTEROP_SHAPE, parts: "text" });
const weights: Record<string, Float32Array> = {
  ...initialise(graph, { seed: 8, layerCount: INTEROP.decoder.layerCount }),
  ...computedWeights(graph),
};
// norms and biases start at one and zero: a checkpoint must show that they are not left out
await train(graph, weights, () => true);
const texts = { "config.json": `${JSON.stringify(INTEROP_CONFIG, undefined, 1)}\n` };
await writeModelFolder(join(FOLDER, "model"), { weights, shapeOf: shapes(graph), texts }, { type: "BF16" });

const adapted = withLora(graph, INTEROP_LORA);
const both: Record<string, Float32Array> = { ...weights, ...initialiseLora(adapted, 9) };
await train(adapted, both, (name) => isLoraTrainable(name, INTEROP_LORA));
await writeAdapter(join(FOLDER, "adapter"), {
  weights: both,
  shapeOf: shapes(adapted),
  options: INTEROP_LORA,
  baseModel: "model",
});
const { grid, values } = sample.views[0];
await writeFile(
  join(FOLDER, "sample.json"),
  `${JSON.stringify({ ids: sample.ids, visualStart: sample.visualStarts[0], grid, patches: Array.from(values) })}\n`,
);
process.exit(0);
