import { listSource, type MixturePart } from "../data/stream.ts";
import type { EncodedSample } from "../pack-inputs.ts";
import type { Recipe, RecipeStage } from "../recipe/recipe.ts";
import { TINY, TINY_SHAPE, tinySample } from "./tiny-model.ts";

const OPTIMISER = {
  rate: 3e-3,
  beta1: 0.9,
  beta2: 0.95,
  eps: 1e-8,
  weightDecay: 0.1,
  clipNorm: 1,
  rateScales: { resampler: 2 },
} as const;

function stage(name: string, changes: Partial<RecipeStage>): RecipeStage {
  return {
    name,
    about: "",
    trainable: ["vision", "resampler", "language"],
    resolution: { kind: "adaptive", side: 28, maxSlices: 1 },
    data: [{ name: "tiny", samples: 12 }],
    order: "mixed",
    samples: 24,
    pack: TINY_SHAPE,
    typical: { tokens: 10, views: 1 },
    packsPerStep: 2,
    packing: "bestFit",
    optimiser: OPTIMISER,
    schedule: { kind: "wsd", warmupShare: 0.1, decayShare: 0.3, floor: 0.1 },
    ours: [],
    ...changes,
  };
}

/** Three stages that end within seconds: one part alone, everything with an average of weights, adapters in order. */
export const TINY_RECIPE: Recipe = {
  name: "tiny",
  about: "",
  source: "",
  seed: 3,
  model: TINY,
  stages: [
    stage("resampler", { trainable: ["resampler"] }),
    stage("all", { samples: 36, optimiser: { ...OPTIMISER, average: 0.9 } }),
    stage("adapters", {
      trainable: [],
      lora: {
        rank: 2,
        alpha: 4,
        targets: "llm\\..*layers\\.\\d+\\.self_attn\\.(q_proj|v_proj)",
        modulesToSave: [],
        dropout: 0.1,
      },
      order: "sequential",
      packing: "nextFit",
    }),
  ],
};

/** Twelve conversations of different lengths, half of them with a picture. */
export async function tinyParts(): Promise<readonly MixturePart<EncodedSample>[]> {
  const samples = Array.from({ length: 12 }, (_, i) => ({
    ...tinySample(100 + i, { rows: (i % 2) * 2, columns: 1 + (i % 4), words: 2 + (i % 5), answer: 2 + (i % 3) }),
    place: { file: "tiny.json", index: i },
  }));
  return [{ source: listSource("tiny", samples), weight: 1 }];
}
