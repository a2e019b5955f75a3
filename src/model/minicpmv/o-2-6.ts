import { type ModelSource, plainResampler } from "../source/model-source.ts";
import { resamplerEncoder } from "../vision/connector.ts";
import { computedSineTable } from "../vision/resampler.ts";
import { type ModelDescription, NINE_SLICES } from "./version.ts";

/** MiniCPM-o 2.6, its vision half: as 2.6, with Qwen2.5; audio and speech parts are left out. */
export function describeO26(source: ModelSource): ModelDescription {
  const vision = { ...source.vision, positions: "navit", activation: "tanh" } as const;
  return {
    version: "o-2.6",
    title: "MiniCPM-o 2.6",
    slicing: NINE_SLICES,
    encoder: resamplerEncoder(vision, plainResampler(source, 64)),
    decoder: { ...source.decoder, hasAttentionBias: true },
    template: "o-2.6",
    generation: { temperature: 0.7, topP: 0.8, topK: 100, repetitionPenalty: 1.05, maxNewTokens: 2048 },
    naming: source.naming("navit"),
    computed: computedSineTable,
  };
}
