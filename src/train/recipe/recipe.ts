import type { DataFormat } from "../data/formats.ts";
import type { PackShape, TrainedModel } from "../training-graph.ts";

/** Parts of a model that a stage may train. */
export type Part = "vision" | "resampler" | "language";

/** How pictures of a stage are cut. */
export type StageResolution =
  /** One view of this side, aspect ratio not kept. */
  | { readonly kind: "fixed"; readonly side: number }
  /** LLaVA-UHD slicing, any aspect ratio. */
  | { readonly kind: "adaptive"; readonly side: number; readonly maxSlices: number };

/** A source of a stage's data. */
export interface RecipeData {
  readonly name: string;
  /** Samples that it holds; undefined where nobody says. */
  readonly samples?: number;
  /** How often it is drawn beside the others; its size, or 1, where absent. */
  readonly weight?: number;
  /** File of conversations; a source without one is written down and cannot be trained on. */
  readonly file?: string;
  readonly format?: DataFormat;
  /** Part of a mixture of which the paper gives the size of the whole alone. */
  readonly group?: string;
  readonly note?: string;
}

/** Learning rate over a stage. */
export type StageSchedule =
  | { readonly kind: "constant"; readonly warmupShare: number }
  | { readonly kind: "cosine"; readonly warmupShare: number; readonly floor: number }
  | { readonly kind: "wsd"; readonly warmupShare: number; readonly decayShare: number; readonly floor: number };

/** AdamW and what surrounds it. */
export interface StageOptimiser {
  readonly rate: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly eps: number;
  readonly weightDecay: number;
  readonly clipNorm: number;
  /** Factors on the rate by part. */
  readonly rateScales: Readonly<Partial<Record<Part, number>>>;
  /** Decay of the moving average of the weights; undefined keeps none. */
  readonly average?: number;
}

/** Low-rank adapters instead of the language model's own weights. */
export interface StageLora {
  readonly rank: number;
  readonly alpha: number;
  readonly targets: string;
  readonly modulesToSave: readonly string[];
  readonly dropout: number;
}

/**
 * What a stage learns from. "chat" is the paper's; the other two stand in for the pre-trained encoder and language model
 * that it starts from: "dense" (0a) reads characters straight off the patches, "text" (0b) foretells plain text.
 */
export type StageTask =
  | { readonly kind: "chat" }
  | { readonly kind: "text" }
  | {
      readonly kind: "dense";
      /** Characters that the head tells apart; class 0 is "none of these". */
      readonly characters: readonly string[];
      /** Labels of a patch, side by side. */
      readonly cellsPerPatch: number;
      /** Weight of a cell without a character: they are many and easy. */
      readonly emptyWeight: number;
    };

/** A named step of a recipe that can be resumed. */
export interface RecipeStage {
  readonly name: string;
  readonly about: string;
  readonly task: StageTask;
  readonly trainable: readonly Part[];
  readonly lora?: StageLora;
  readonly resolution: StageResolution;
  readonly data: readonly RecipeData[];
  /** "sequential" feeds the sources one after another, because late data shapes the style (paper §4.2). */
  readonly order: "mixed" | "sequential";
  /** Samples drawn in this stage. */
  readonly samples: number;
  readonly pack: PackShape;
  /** What an average sample takes; for plans. */
  readonly typical: { readonly tokens: number; readonly views: number };
  readonly packsPerStep: number;
  readonly packing: "bestFit" | "nextFit";
  readonly optimiser: StageOptimiser;
  readonly schedule: StageSchedule;
  /** Fields that the source of the recipe does not publish, and that are this project's choice. */
  readonly ours: readonly string[];
}

/** A model and the stages that train it. */
export interface Recipe {
  readonly name: string;
  readonly about: string;
  /** Where the recipe's facts come from. */
  readonly source: string;
  readonly seed: number;
  readonly model: TrainedModel;
  /** Folder of weights to start from; fresh weights where absent. */
  readonly init?: string;
  readonly stages: readonly RecipeStage[];
}

const PARTS: Readonly<Record<Part, RegExp>> = {
  vision: /^vpm\./,
  resampler: /^resampler\./,
  language: /^llm\./,
};

/** True where the stage trains the weight of this name; heads of training alone follow the vision encoder. */
export function isTrained(stage: Pick<RecipeStage, "trainable">, name: string): boolean {
  return stage.trainable.some((part) => PARTS[part].test(name) || (part === "vision" && name.startsWith("train.")));
}

/** Part that a weight belongs to. */
export function partOf(name: string): Part | undefined {
  return (Object.keys(PARTS) as Part[]).find((part) => PARTS[part].test(name));
}
