import { expect, test } from "vitest";
import { ImportanceCollector } from "../quantize/imatrix.ts";
import { slotsOf } from "../tensor/graph.ts";
import { interpret } from "../tensor/oracle.ts";
import { collectImportance, importanceTaps } from "./importance.ts";
import { packInputs } from "./pack-inputs.ts";
import { TINY, TINY_SHAPE, tinySample, tinyWeights } from "./testing/tiny-model.ts";
import { trainingGraph } from "./training-graph.ts";

// would catch: columns of another map's input, sums where means belong, maps left out
test("importance is the mean square of what each linear map read", () => {
  const tapped = importanceTaps(trainingGraph(TINY, { shape: TINY_SHAPE, parts: "text" }));
  const sample = tinySample(5, { rows: 2, columns: 3, words: 4, answer: 3 });
  const extents = slotsOf(tapped.graph);
  const inputs = packInputs([sample], { model: TINY, shape: TINY_SHAPE, textScale: 1 });
  const weights = tinyWeights(tapped.graph);
  const { taps } = interpret(tapped.graph, { extents, weights, inputs });
  const result = Object.fromEntries(tapped.taps.map((tap) => [tap, Float32Array.from(taps[tap].data)]));
  const collector = new ImportanceCollector();
  collectImportance(collector, tapped, { result, extents });
  collectImportance(collector, tapped, { result, extents });
  const { entries } = collector.finish(1, "test");
  expect(entries.get("llm.model.layers.0.self_attn.q_proj.weight")).toEqual(
    entries.get("llm.model.layers.0.self_attn.k_proj.weight"),
  );
  const patches = entries.get("vpm.embeddings.patch_embedding.weight");
  expect(patches?.meanSquares.length).toBe(588);
  const column = Array.from({ length: TINY_SHAPE.patches }, (_, p) => inputs.patches[p * 588 + 7] ** 2);
  expect(patches?.meanSquares[7]).toBeCloseTo(column.reduce((sum, v) => sum + v, 0) / TINY_SHAPE.patches, 5);
  const linear = new Set(tapped.graph.nodes.filter(({ op }) => /linear$/i.test(op)).map(({ inputs: [, w] }) => w));
  expect(entries.size).toBe(linear.size);
});
