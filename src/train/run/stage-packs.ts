import type { Graph } from "../../tensor/graph.ts";
import { densePackInputs, denseWeight } from "../dense-inputs.ts";
import { DataSampleError } from "../errors.ts";
import { dropoutInputs } from "../lora-dropout.ts";
import {
  type EncodedSample,
  needFits,
  packedSize,
  packInputs,
  packRoom,
  supervisedCount,
  withoutVisual,
} from "../pack-inputs.ts";
import { fitsRoom, type PackedSize, type PackRoom } from "../packing.ts";
import type { Recipe, RecipeStage } from "../recipe/recipe.ts";
import type { PackInputs } from "../trainer.ts";

/** How samples of a stage fill packs, and how packs become inputs: by what the stage learns from. */
export interface StagePacks {
  /** Room of an empty pack, in the terms of `sizeOf`. */
  readonly room: PackRoom;
  readonly sizeOf: (sample: EncodedSample) => PackedSize;
  /** Throws DataSampleError for a sample that no pack holds. */
  readonly needFits: (sample: EncodedSample) => void;
  /** Inputs of a step's packs, losses divided by what all of them supervise. Throws DataSampleError where that is nothing. */
  readonly inputs: (packs: readonly (readonly EncodedSample[])[], step: number) => readonly PackInputs[];
  /** Tokens that a sample trains on, or its patches where there are no tokens. */
  readonly work: (sample: EncodedSample) => number;
  /** The same of a full pack. */
  readonly fullWork: number;
}

/** A stage's own seed, for its stream and its dropout. */
export function stageSeed(recipe: Recipe, stage: RecipeStage): number {
  return recipe.seed * 1009 + recipe.stages.indexOf(stage);
}

/** Rules for a stage; `graph` is the stage's own, adapters included. */
export function stagePacks(recipe: Recipe, stage: RecipeStage, graph: Graph): StagePacks {
  return stage.task.kind === "dense"
    ? densePacks(recipe, stage, { task: stage.task, graph })
    : textPacks(recipe, stage, graph);
}

function textPacks(recipe: Recipe, stage: RecipeStage, graph: Graph): StagePacks {
  const { model } = recipe;
  const rate = stage.lora?.dropout ?? 0;
  const seed = stageSeed(recipe, stage);
  return {
    room: packRoom(stage.pack, model.resampler.queryCount),
    sizeOf: (sample) => withoutVisual(packedSize(sample), model),
    needFits: (sample) => needFits(sample, model, stage.pack),
    inputs: (packs, step) => {
      const supervised = total(packs, stage, supervisedCount);
      return packs.map((pack, i) => ({
        ...packInputs(pack, { model, shape: stage.pack, textScale: 1 / supervised }),
        ...(rate === 0 ? {} : dropoutInputs(graph, { rate, seed, step, pack: i })),
      }));
    },
    work: ({ ids }) => ids.length,
    fullWork: stage.pack.tokens,
  };
}

function densePacks(
  { model }: Recipe,
  stage: RecipeStage,
  { task, graph }: { readonly task: RecipeStage["task"] & { readonly kind: "dense" }; readonly graph: Graph },
): StagePacks {
  const { patches, views } = stage.pack;
  // packs are filled by patches: a dense sample has no text
  const room = { tokens: patches, patches, views };
  const sizeOf = (sample: EncodedSample): PackedSize => {
    const size = packedSize(sample);
    return { ...size, tokens: size.patches };
  };
  return {
    room,
    sizeOf,
    needFits: (sample) => {
      const size = sizeOf(sample);
      if (fitsRoom(size, room)) return;
      const problem = `its ${size.views} views and ${size.patches} patches do not fit a pack of ${views} views and ${patches} patches`;
      const hint = "Cut the picture into fewer slices, or give the stage larger packs.";
      throw new DataSampleError(sample.place ?? { file: "the sample" }, problem, hint);
    },
    inputs: (packs) => {
      const weight = total(packs, stage, (sample) => denseWeight(sample, task));
      const options = { model, shape: stage.pack, task, graph, denseScale: 1 / weight };
      return packs.map((pack) => densePackInputs(pack, options));
    },
    work: (sample) => packedSize(sample).patches,
    fullWork: patches,
  };
}

function total(
  packs: readonly (readonly EncodedSample[])[],
  { name }: RecipeStage,
  countOf: (sample: EncodedSample) => number,
): number {
  const samples = packs.flat();
  const sum = samples.reduce((count, sample) => count + countOf(sample), 0);
  if (sum > 0) return sum;
  const place = samples[0]?.place ?? { file: name };
  throw new DataSampleError(place, "no token of this sample, nor of those beside it, is to be learnt");
}
