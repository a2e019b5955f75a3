import { ArgumentError } from "../base/errors.ts";
import type { Graph } from "../tensor/graph.ts";
import { type EncodedSample, viewInputs } from "./pack-inputs.ts";
import type { StageTask } from "./recipe/recipe.ts";
import type { PackInputs } from "./trainer.ts";
import type { PackShape, TrainedModel } from "./training-graph.ts";

/** Label of a cell whose print is too small to be read: no loss is taken there. */
export const ILLEGIBLE = 255;

type DenseTask = StageTask & { readonly kind: "dense" };

function cellWeight(label: number, { emptyWeight }: DenseTask): number {
  if (label === ILLEGIBLE) return 0;
  return label === 0 ? emptyWeight : 1;
}

/** What the dense loss of a sample is divided by, summed over the samples of a step. */
export function denseWeight({ cells = [] }: EncodedSample, task: DenseTask): number {
  let sum = 0;
  for (const view of cells) for (const label of view) sum += cellWeight(label, task);
  return sum;
}

export interface DensePackOptions {
  readonly model: TrainedModel;
  readonly shape: PackShape;
  readonly task: DenseTask;
  readonly graph: Graph;
  /** 1 ÷ the weight of all packs of the optimiser step. */
  readonly denseScale: number;
}

/** Inputs of a dense stage's graph: the pictures, and class and weight of every cell. */
export function densePackInputs(
  samples: readonly EncodedSample[],
  { model, shape, task, graph, denseScale }: DensePackOptions,
): PackInputs {
  const seen = Object.entries(viewInputs(samples, { model, shape })).filter(([name]) => name in graph.inputs);
  const labels = samples.flatMap(({ cells = [] }) => cells);
  const inputs: Record<string, PackInputs[string]> = Object.fromEntries(seen);
  for (let cell = 0; cell < task.cellsPerPatch; cell++) {
    const targets = new Int32Array(shape.patches);
    const weights = new Float32Array(shape.patches);
    let at = 0;
    for (const view of labels) {
      for (let i = cell; i < view.length; i += task.cellsPerPatch) {
        weights[at] = cellWeight(view[i], task) * denseScale;
        targets[at++] = view[i] === ILLEGIBLE ? 0 : view[i];
      }
    }
    if (at > shape.patches)
      throw new ArgumentError(`A pack of ${shape.patches} patches is given ${at}.`, "Give the stage larger packs.");
    inputs[`denseTargets.${cell}`] = targets;
    inputs[`denseWeights.${cell}`] = weights;
  }
  return inputs;
}
