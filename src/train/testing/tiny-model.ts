import { seededRandom } from "../../base/random.ts";
import { inverseFrequencies } from "../../nn/rotary-frequencies.ts";
import type { Graph } from "../../tensor/graph.ts";
import { computedWeights } from "../computed-weights.ts";
import { initialise } from "../initialise.ts";
import type { EncodedSample } from "../pack-inputs.ts";
import type { PackShape, TrainedModel } from "../training-graph.ts";

/** A model of the family, small enough for the oracle. */
export const TINY: TrainedModel = {
  vision: {
    width: 16,
    layerCount: 1,
    headCount: 2,
    feedForward: 24,
    patchSize: 14,
    tableSide: 70,
    eps: 1e-6,
    positions: "navit",
    activation: "tanh",
  },
  resampler: {
    queryCount: 4,
    width: 32,
    headCount: 2,
    hasQueryPositions: false,
    keyPositions: "fresh",
    hasTime: false,
    projection: "transposed",
  },
  decoder: {
    width: 32,
    layerCount: 2,
    headCount: 4,
    groupCount: 2,
    headWidth: 8,
    feedForward: 48,
    vocabularySize: 40,
    eps: 1e-6,
    inverseFrequencies: inverseFrequencies({ theta: 10000, rotatedWidth: 8 }),
    rotaryPairing: "half",
    hasAttentionBias: false,
    hasHeadNorm: false,
    isTied: false,
    contextLength: 128,
    embeddingScale: 1,
    residualScale: 1,
    logitDivisor: 1,
  },
};

export const TINY_SHAPE: PackShape = { views: 3, patches: 20, tokens: 64 };

/** Fresh weights, and the table that the graph computes. */
export function tinyWeights(graph: Graph, seed = 1): Record<string, Float32Array<ArrayBuffer>> {
  return { ...initialise(graph, { seed, layerCount: 2 }), ...computedWeights(graph) };
}

/** A random conversation: a picture of `rows` × `columns` patches unless there are none, then words, then an answer. */
export function tinySample(
  seed: number,
  { rows, columns, words, answer }: { rows: number; columns: number; words: number; answer: number },
): EncodedSample {
  const random = seededRandom(seed);
  const queries = TINY.resampler.queryCount;
  const hasView = rows * columns > 0;
  const visual = hasView ? queries : 0;
  const length = 1 + visual + words + answer;
  return {
    ids: Array.from({ length }, () => random.below(TINY.decoder.vocabularySize)),
    supervised: Array.from({ length }, (_, t) => t >= length - answer),
    views: hasView
      ? [
          {
            grid: { rows, columns },
            values: Float32Array.from({ length: rows * columns * 588 }, () => random.normal()),
          },
        ]
      : [],
    visualStarts: hasView ? [1] : [],
  };
}
