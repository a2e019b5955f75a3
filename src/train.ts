export { type Adapter, type AdapterFolder, readAdapter, writeAdapter } from "./train/checkpoint/peft.ts";
export { askEndpoint, EndpointError, type EndpointOptions } from "./train/data/ask-endpoint.ts";
export type { DataFormat } from "./train/data/formats.ts";
export {
  type AskModel,
  type CaptionOrigin,
  type RefusedCaption,
  type RewriteOptions,
  type RewrittenCaption,
  rewriteCaption,
} from "./train/data/rewrite-captions.ts";
export type { ChatSample } from "./train/data/sample.ts";
export { shareGptInfo, writeShareGpt } from "./train/data/share-gpt.ts";
export {
  CheckpointMismatchError,
  DataSampleError,
  RecipeError,
  TrainingDivergedError,
  TrainingMemoryError,
  TrainingRunningError,
} from "./train/errors.ts";
export { type LoraOptions, OFFICIAL_LORA } from "./train/lora.ts";
export { parseRecipe } from "./train/recipe/parse-recipe.ts";
export {
  describePlan,
  PLANNED_DEVICES,
  type PlannedDevice,
  planRecipe,
  type RecipePlan,
} from "./train/recipe/plan-recipe.ts";
export type { Recipe, RecipeStage } from "./train/recipe/recipe.ts";
export { type RunTrainingOptions, runTraining, type TrainingOutcome } from "./train/run/run-training.ts";
