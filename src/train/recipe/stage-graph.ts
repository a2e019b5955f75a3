import type { Graph } from "../../tensor/graph.ts";
import { type DenseHead, type PackShape, type TrainedModel, trainingGraph } from "../training-graph.ts";
import type { RecipeStage, StageTask } from "./recipe.ts";

/** Forward pass and loss of a stage, adapters not included. */
export function taskGraph(model: TrainedModel, { task }: Pick<RecipeStage, "task">, shape: PackShape): Graph {
  if (task.kind !== "dense") return trainingGraph(model, { shape, parts: "text" });
  return trainingGraph(model, { shape, parts: "dense", dense: denseHead(task) });
}

/** Head of a dense stage. */
export function denseHead({ characters, cellsPerPatch }: StageTask & { readonly kind: "dense" }): DenseHead {
  return { classCount: characters.length + 1, cellsPerPatch };
}
