import { sizeOf } from "../../tensor/definition.ts";
import type { Graph } from "../../tensor/graph.ts";
import type { Moments } from "../adamw.ts";
import { CheckpointMismatchError } from "../errors.ts";
import { initialise } from "../initialise.ts";
import { initialiseLora, isLoraWeight, mergeLora } from "../lora.ts";
import { extendPositionTable } from "../position-table.ts";
import { loraOptions } from "../recipe/plan-recipe.ts";
import type { Recipe, RecipeStage } from "../recipe/recipe.ts";
import { loadRun, type RunState } from "../run-folder.ts";

/** Where a run stands between two optimiser steps. */
export interface RunPosition {
  /** Index into the recipe's stages; their count when all is done. */
  readonly stage: number;
  /** Optimiser steps since the run began, and in this stage. */
  readonly step: number;
  readonly stageStep: number;
  /** Place in the stage's stream, and places drawn before it that still wait for a pack. */
  readonly cursor: number;
  readonly carried: readonly number[];
  readonly seconds: number;
}

/** Weights, moments and place of a run that can go on. */
export interface LoadedRun {
  readonly weights: Readonly<Record<string, Float32Array>>;
  readonly moments: Readonly<Record<string, Moments>>;
  readonly average?: Readonly<Record<string, Float32Array>>;
  readonly position: RunPosition;
}

export const START: RunPosition = { stage: 0, step: 0, stageStep: 0, cursor: 0, carried: [], seconds: 0 };

/** The saved run of this folder, or undefined. Throws CheckpointMismatchError when another recipe wrote it. */
export async function resumeRun(folder: string, recipe: Recipe): Promise<LoadedRun | undefined> {
  const saved = await loadRun(folder);
  if (saved === undefined) return undefined;
  const { progress } = saved;
  if (progress.recipe !== recipe.name)
    throw new CheckpointMismatchError(folder, `it was written by the recipe ${JSON.stringify(progress.recipe)}`);
  const stage = recipe.stages.findIndex(({ name }) => name === progress.stage);
  if (stage < 0 && progress.stage !== "done")
    throw new CheckpointMismatchError(folder, `the recipe has no stage ${JSON.stringify(progress.stage)} any more`);
  const carried = String(progress.carried ?? "");
  return {
    ...saved,
    position: {
      stage: stage < 0 ? recipe.stages.length : stage,
      step: Number(progress.step),
      stageStep: Number(progress.stageStep),
      cursor: Number(progress.cursor),
      carried: carried === "" ? [] : carried.split(" ").map(Number),
      seconds: Number(progress.seconds),
    },
  };
}

/** What is written beside the weights. */
export function progressOf(recipe: Recipe, position: RunPosition): RunState["progress"] {
  return {
    recipe: recipe.name,
    stage: recipe.stages[position.stage]?.name ?? "done",
    step: position.step,
    stageStep: position.stageStep,
    cursor: position.cursor,
    carried: position.carried.join(" "),
    seconds: position.seconds,
  };
}

const POSITION_TABLE = "vpm.embeddings.position_embedding.weight";

/**
 * Weights for a stage's graph: those there are, fresh ones for the rest; adapters of a stage before are merged and the
 * stage's own begin. Throws CheckpointMismatchError for a tensor of another size.
 */
export function stageWeights(
  graph: Graph,
  given: Readonly<Record<string, Float32Array>>,
  {
    recipe,
    stage,
    previous,
    where,
  }: {
    readonly recipe: Recipe;
    readonly stage: RecipeStage;
    readonly previous: RecipeStage | undefined;
    readonly where: string;
  },
): Record<string, Float32Array> {
  const before = previous === undefined ? undefined : loraOptions(previous);
  const isSame = JSON.stringify(previous?.lora) === JSON.stringify(stage.lora);
  const known = before !== undefined && !isSame ? mergeLora(given, before) : given;
  const { layerCount } = recipe.model.decoder;
  const fresh: Record<string, Float32Array> = { ...initialise(graph, { seed: recipe.seed, layerCount }) };
  const adapters = initialiseLora(graph, recipe.seed);
  const weights: Record<string, Float32Array> = {};
  for (const [name, values] of Object.entries(fresh)) {
    const found = fitted(name, known[name], recipe);
    weights[name] = found ?? (isLoraWeight(name) ? adapters[name] : values);
    const shape = graph.values[graph.weights[name]].dims.map((d) => d.capacity);
    if (weights[name].length !== sizeOf(shape)) {
      const problem = `tensor ${name} has ${weights[name].length} values and the model needs [${shape}]`;
      throw new CheckpointMismatchError(where, problem);
    }
  }
  // what this stage's graph does not hold, a head of another stage, is kept for later
  for (const [name, values] of Object.entries(known)) weights[name] ??= values;
  return weights;
}

/** A copy; a position table of a smaller picture is extended (224 to 448 pixels in stage 2). */
function fitted(name: string, values: Float32Array | undefined, { model }: Recipe): Float32Array | undefined {
  if (values === undefined) return undefined;
  const { tableSide: to, width } = model.vision;
  const from = Math.sqrt(values.length / width);
  if (name !== POSITION_TABLE || !Number.isInteger(from) || from >= to) return values.slice();
  return extendPositionTable(values, { from, to, width });
}
