import type { ModelSource } from "../source/model-source.ts";
import { mergerEncoder } from "../vision/connector.ts";
import type { ModelDescription, ModelOptions } from "./version.ts";

/** Weights that 4x mode does without. */
const EARLY_MERGER = /vit_merger\./;

/**
 * MiniCPM-V 4.6: SigLIP2 that merges 2×2 windows early (16x mode), a final 2×2 merger instead of a resampler, Qwen3.5
 * with three gated delta nets to each full attention. In 4x mode the early merger is skipped.
 */
export function describeV46(source: ModelSource, options: ModelOptions): ModelDescription {
  const naming = source.naming("merger");
  const mode = options.downsample ?? "16x";
  const vision = { ...source.vision, positions: "exact", activation: "tanh" } as const;
  const merger = {
    insertLayer: source.insertLayer(),
    mode,
    windowFeedForward: 4 * vision.feedForward,
    width: source.decoder.width,
  };
  return {
    version: "4.6",
    title: "MiniCPM-V 4.6",
    // views are multiples of what one token covers: 4×4 patches, or 2×2
    slicing: { kind: "adaptive", granule: mode === "16x" ? 56 : 28, maxSlices: 9, resolution: 448 },
    encoder: mergerEncoder(vision, merger),
    decoder: { ...source.decoder, hasHeadNorm: true, hybrid: source.hybrid() },
    template: "4.6",
    generation: { temperature: 0.7, topP: 1, topK: 0, repetitionPenalty: 1, maxNewTokens: 512 },
    naming: mode === "16x" ? naming : { ...naming, ignored: [...naming.ignored, EARLY_MERGER] },
    computed: () => undefined,
  };
}
