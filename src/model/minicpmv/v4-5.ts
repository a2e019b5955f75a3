import { type ModelSource, plainResampler } from "../source/model-source.ts";
import { resamplerEncoder } from "../vision/connector.ts";
import { computedSineTable } from "../vision/resampler.ts";
import { type ModelDescription, NINE_SLICES } from "./version.ts";

/** MiniCPM-V 4.5: SigLIP2, 64 queries that up to six frames of a video may share, Qwen3 with norms on q and k. */
export function describeV45(source: ModelSource): ModelDescription {
  const vision = { ...source.vision, positions: "navit", activation: "tanh" } as const;
  return {
    version: "4.5",
    title: "MiniCPM-V 4.5",
    slicing: NINE_SLICES,
    encoder: resamplerEncoder(vision, { ...plainResampler(source, 64), hasTime: true }),
    decoder: { ...source.decoder, hasHeadNorm: true },
    template: "4.5",
    generation: { temperature: 0.7, topP: 0.8, topK: 100, repetitionPenalty: 1.03, maxNewTokens: 2048 },
    naming: source.naming("navit"),
    computed: computedSineTable,
  };
}
