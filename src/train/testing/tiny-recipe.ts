import { listSource, type MixturePart } from "../data/stream.ts";
import type { EncodedSample } from "../pack-inputs.ts";
import type { Recipe, RecipeStage, StageTask } from "../recipe/recipe.ts";
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
    task: { kind: "chat" },
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

/** Stages that end within seconds: pre-training of both ends, one part alone, everything with an average of weights, adapters in order. */
export const TINY_RECIPE: Recipe = {
  name: "tiny",
  about: "",
  source: "",
  seed: 3,
  model: TINY,
  stages: [
    stage("characters", {
      task: { kind: "dense", characters: ["a", "b", "c"], cellsPerPatch: 2, emptyWeight: 0.2 },
      trainable: ["vision"],
    }),
    stage("text", { task: { kind: "text" }, trainable: ["language"] }),
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

/** Twelve samples of different lengths for a stage: labelled pictures, texts, or conversations of which half have a picture. */
export async function tinyParts({ task }: Pick<RecipeStage, "task">): Promise<readonly MixturePart<EncodedSample>[]> {
  const samples = Array.from({ length: 12 }, (_, i) => ({
    ...tinySample(100 + i, { ...tinySize(task, i), words: 2 + (i % 5), answer: 2 + (i % 3) }),
    place: { file: "tiny.json", index: i },
  }));
  return [
    {
      source: listSource(
        "tiny",
        samples.map((sample) => tinyTask(sample, task)),
      ),
      weight: 1,
    },
  ];
}

function tinySize({ kind }: StageTask, i: number): { readonly rows: number; readonly columns: number } {
  if (kind === "text") return { rows: 0, columns: 0 };
  return { rows: kind === "dense" ? 2 : (i % 2) * 2, columns: 1 + (i % 4) };
}

function tinyTask(sample: EncodedSample, { kind }: StageTask): EncodedSample {
  if (kind === "chat") return sample;
  if (kind === "text") return { ...sample, supervised: sample.ids.map(() => true) };
  // a label that the picture tells: the first value of the patch
  const cells = sample.views.map(({ values }) =>
    Uint8Array.from({ length: (2 * values.length) / 588 }, (_, c) => (values[588 * (c >> 1)] > 0 ? 1 + (c % 3) : 0)),
  );
  return { ...sample, ids: [], supervised: [], visualStarts: [], cells };
}
