import { type ModelSource, plainResampler } from "../source/model-source.ts";
import { resamplerEncoder } from "../vision/connector.ts";
import { computedSineTable } from "../vision/resampler.ts";
import { type ModelDescription, NINE_SLICES } from "./version.ts";

/** MiniCPM-V 2.6: SigLIP with 2-D positions, 64 queries, Qwen2 with biases on q, k and v. */
export function describeV26(source: ModelSource): ModelDescription {
  const vision = { ...source.vision, positions: "navit", activation: "tanh" } as const;
  return {
    version: "2.6",
    title: "MiniCPM-V 2.6",
    slicing: NINE_SLICES,
    encoder: resamplerEncoder(vision, plainResampler(source, 64)),
    decoder: { ...source.decoder, hasAttentionBias: true },
    template: "2.6",
    generation: { temperature: 0.7, topP: 0.8, topK: 100, repetitionPenalty: 1.05, maxNewTokens: 2048 },
    naming: source.naming("navit"),
    computed: computedSineTable,
  };
}
