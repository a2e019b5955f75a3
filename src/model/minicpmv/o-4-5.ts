import { type ModelSource, plainResampler } from "../source/model-source.ts";
import { resamplerEncoder } from "../vision/connector.ts";
import { computedSineTable } from "../vision/resampler.ts";
import { type ModelDescription, NINE_SLICES } from "./version.ts";

/** MiniCPM-o 4.5, its vision half: as 4.5 without time in the resampler; audio and speech parts are left out. */
export function describeO45(source: ModelSource): ModelDescription {
  const vision = { ...source.vision, positions: "navit", activation: "tanh" } as const;
  return {
    version: "o-4.5",
    title: "MiniCPM-o 4.5",
    slicing: NINE_SLICES,
    encoder: resamplerEncoder(vision, plainResampler(source, 64)),
    decoder: { ...source.decoder, hasHeadNorm: true },
    template: "o-4.5",
    generation: { temperature: 0.7, topP: 0.8, topK: 100, repetitionPenalty: 1.02, maxNewTokens: 4096 },
    naming: source.naming("navit"),
    computed: computedSineTable,
  };
}
