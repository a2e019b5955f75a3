import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { hfNaming } from "../../../src/model/naming/hf.ts";
import { type Graph, slotsOf } from "../../../src/tensor/graph.ts";
import { interpret } from "../../../src/tensor/oracle.ts";
import { readPublished } from "../../../src/train/checkpoint/model-folder.ts";
import { adapterWeights, readAdapter } from "../../../src/train/checkpoint/peft.ts";
import { computedWeights } from "../../../src/train/computed-weights.ts";
import { isLoraWeight, withLora } from "../../../src/train/lora.ts";
import { packInputs } from "../../../src/train/pack-inputs.ts";
import { trainingGraph } from "../../../src/train/training-graph.ts";
import { INTEROP, INTEROP_SAMPLE, INTEROP_SHAPE } from "./interop-model.ts";

const FOLDER = import.meta.dirname;
const GOLDEN: Readonly<Record<string, readonly (readonly number[])[]>> = JSON.parse(
  readFileSync(join(FOLDER, "logits.json"), "utf8"),
);
/** Both sides compute in float64 from the same stored weights; rotary angles and positions are float32 on both. */
const LIMIT = 1e-6;

const PLAIN = withTap(trainingGraph(INTEROP, { shape: INTEROP_SHAPE, parts: "text" }));

/** The value that the loss is taken of, as an output. */
function withTap(graph: Graph): Graph {
  const loss = graph.nodes.find(({ op }) => op === "crossEntropy");
  if (loss === undefined) throw new Error("The training graph has no cross-entropy.");
  return { ...graph, outputs: { ...graph.outputs, logits: loss.inputs[0] } };
}

async function published(graph: Graph): Promise<Record<string, Float32Array>> {
  const names = Object.keys(graph.weights).filter((name) => !name.startsWith("computed.") && !isLoraWeight(name));
  const shapeOf = (name: string): readonly number[] => graph.values[graph.weights[name]].dims.map((d) => d.capacity);
  const path = join(FOLDER, "model", "model.safetensors");
  return { ...(await readPublished(path, names, { shapeOf, naming: hfNaming })), ...computedWeights(graph) };
}

function expectLogits(graph: Graph, weights: Readonly<Record<string, Float32Array>>, name: string): void {
  const inputs = packInputs([INTEROP_SAMPLE], { model: INTEROP, shape: INTEROP_SHAPE, textScale: 1 });
  const { outputs } = interpret(graph, { extents: slotsOf(graph), weights, inputs });
  const expected = GOLDEN[name].flat();
  const power = Math.sqrt(expected.reduce((sum, v) => sum + v * v, 0));
  const error = Math.sqrt(expected.reduce((sum, v, i) => sum + (v - outputs.logits.data[i]) ** 2, 0));
  expect(expected.length).toBe(outputs.logits.data.length);
  expect(error / power, name).toBeLessThan(LIMIT);
}

// would catch: a tensor saved under the wrong name or transposed, a scale of adapters that PEFT reads otherwise
describe("a checkpoint trained here", () => {
  test("gives equal logits in the official implementation", async () => {
    expectLogits(PLAIN, await published(PLAIN), "plain");
  });

  test.each([
    ["trained here gives equal logits in PEFT", "adapter", "adapter"],
    ["made by PEFT gives equal logits here", "peft-adapter", "peftAdapter"],
  ])("with an adapter %s", async (_, folder, name) => {
    const adapter = await readAdapter(join(FOLDER, folder));
    const graph = withTap(withLora(trainingGraph(INTEROP, { shape: INTEROP_SHAPE, parts: "text" }), adapter.options));
    const shapeOf = (weight: string): readonly number[] =>
      graph.values[graph.weights[weight]].dims.map((d) => d.capacity);
    const weights = await published(graph);
    const changed = adapterWeights(adapter, Object.keys(graph.weights), { shapeOf });
    expect(Object.keys(changed).filter(isLoraWeight).length).toBe(2 * 4 * INTEROP.decoder.layerCount);
    expectLogits(graph, { ...weights, ...changed }, name);
  });
});
