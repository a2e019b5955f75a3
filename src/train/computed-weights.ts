import { present } from "../base/invariant.ts";
import { computedSineTable } from "../model/vision/resampler.ts";
import type { ComputedWeights } from "../model/weight-binding.ts";
import type { Graph } from "../tensor/graph.ts";

const PREFIX = "computed.";

/** Weights that the model computes instead of learning them, by name; never trained and never saved. */
export function computedWeights(
  graph: Graph,
  computed: ComputedWeights = computedSineTable,
): Readonly<Record<string, Float32Array<ArrayBuffer>>> {
  const weights: Record<string, Float32Array<ArrayBuffer>> = {};
  for (const [name, id] of Object.entries(graph.weights)) {
    if (!name.startsWith(PREFIX)) continue;
    const [rows, width] = graph.values[id].dims.map((d) => d.capacity);
    weights[name] = present(computed(name), `the computed weight ${name}`)(0, rows, width);
  }
  return weights;
}
