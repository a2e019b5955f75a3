import type { DecoderConfig } from "../config.ts";
import type { ModelNaming } from "../source/model-source.ts";
import type { VisionEncoder } from "../vision/connector.ts";
import type { ComputedWeights } from "../weight-binding.ts";

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

/** What a caller may choose about a model before it is recorded. */
export interface ModelOptions {
  /**
   * V-2.5's places of patches: as the configuration has it by default ("longestStrip" in the release), "ownStrip" view
   * by view, "navit" as llama.cpp.
   */
  readonly positions?: "longestStrip" | "ownStrip" | "navit";
  /** V-4.6: 16 (default) or 4 patches to a token. */
  readonly downsample?: "16x" | "4x";
}

/** What a model says that has one job, reading, and no conversation. */
export interface ReaderTraits {
  /** Name that servers and messages use. */
  readonly id: string;
  /** Its answer to everything else. */
  readonly outOfScope: string;
  /** Its answer where the picture has no such value. */
  readonly notShown: string;
}

/** One opened model: shapes, how pictures enter, how text is laid out. Pixels and bytes come later. */
export interface ModelDescription {
  readonly version: VersionId;
  /** "MiniCPM-V 2.6", for people. */
  readonly title: string;
  /** Of the built-in model alone. */
  readonly reader?: ReaderTraits;
  readonly slicing: Slicing;
  readonly encoder: VisionEncoder;
  readonly decoder: DecoderConfig;
  /** Prompt family: which template of the chat layer renders it. */
  readonly template: VersionId | "pocket";
  readonly generation: GenerationDefaults;
  /** Names in the language model's file and in the vision file; the same file where both lie in one set. */
  readonly naming: ModelNaming;
  readonly computed: ComputedWeights;
}

/** 14-pixel granule and nine slices: V-2.0 to V-4.5. */
export const NINE_SLICES: Slicing = { kind: "adaptive", granule: 14, maxSlices: 9, resolution: 448 };
