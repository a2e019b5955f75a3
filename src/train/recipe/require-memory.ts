import { TrainingMemoryError } from "../errors.ts";
import { planRecipe, type StagePlan } from "./plan-recipe.ts";
import type { Recipe } from "./recipe.ts";

/** What to lower, by what takes most. */
const ADVICE = {
  weights: "Most of it are the weights in float32: start from a smaller model.",
  gradients:
    "Most of it are gradients and moments of what is trained: name fewer parts in trainable, or train adapters (lora).",
  workspace: "Most of it is the workspace of a pack: lower pack.tokens, pack.views and pack.patches of the stage.",
} as const;

/**
 * Refuses the first stage, from `from` on, that needs more than `availableBytes`. Records graphs and allocates none of it.
 * Throws TrainingMemoryError.
 */
export function requireMemory(
  recipe: Recipe,
  { availableBytes, from = 0 }: { readonly availableBytes: number; readonly from?: number },
): void {
  const rest = { ...recipe, stages: recipe.stages.slice(from) };
  for (const { name, memory } of planRecipe(rest, []).stages) {
    if (memory.residentBytes <= availableBytes) continue;
    const sizes = { plannedBytes: memory.residentBytes, availableBytes };
    throw new TrainingMemoryError(name, sizes, `${ADVICE[largestOf(memory)]} --ignore-memory trains in spite of it.`);
  }
}

function largestOf({ weightBytes, gradientBytes, momentBytes, workspaceBytes }: StagePlan["memory"]) {
  const gradients = gradientBytes + momentBytes;
  if (workspaceBytes >= weightBytes && workspaceBytes >= gradients) return "workspace";
  return gradients > weightBytes ? "gradients" : "weights";
}
