import type { DecoderConfig } from "../config.ts";
import type { VisionEncoder } from "../vision/connector.ts";
import type { ComputedWeights, WeightNaming } from "../weight-binding.ts";

/** Published versions; o-versions are their vision halves. */
export type VersionId = "1.0" | "2.0" | "2.5" | "2.6" | "o-2.6" | "4.0" | "4.5" | "o-4.5" | "4.6";

/** How pictures of a version are cut. */
export type Slicing =
  /** One 448×448 view, aspect ratio not kept (V-1.0). */
  | { readonly kind: "fixed"; readonly side: number }
  | { readonly kind: "adaptive"; readonly granule: number; readonly maxSlices: number; readonly resolution: number };

/** Sampling settings of a release's own chat(). */
export interface GenerationDefaults {
  readonly temperature: number;
  readonly topP: number;
  readonly topK: number;
  readonly repetitionPenalty: number;
  readonly maxNewTokens: number;
}

/** One opened model: shapes, how pictures enter, how text is laid out. Pixels and bytes come later. */
export interface ModelDescription {
  readonly version: VersionId;
  /** "MiniCPM-V 2.6", for people. */
  readonly title: string;
  readonly slicing: Slicing;
  readonly encoder: VisionEncoder;
  readonly decoder: DecoderConfig;
  /** Prompt family: which template of the chat layer renders it. */
  readonly template: VersionId;
  readonly generation: GenerationDefaults;
  /** Weight names of the language model's file and of the vision file; one naming where both lie in one set. */
  readonly languageNaming: WeightNaming;
  readonly visionNaming: WeightNaming;
  readonly computed: ComputedWeights;
  /** Tensors that are known and left out: recomputed tables, audio parts. */
  readonly ignored: RegExp;
}
