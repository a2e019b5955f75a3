import { type ModelSource, plainResampler } from "../source/model-source.ts";
import { resamplerEncoder } from "../vision/connector.ts";
import { computedSineTable } from "../vision/resampler.ts";
import { type ModelDescription, NINE_SLICES } from "./version.ts";

/** MiniCPM-V 4.0: SigLIP2, 64 queries, MiniCPM4-3B run as a plain Llama with LongRoPE and a wide attention. */
export function describeV40(source: ModelSource): ModelDescription {
  const vision = { ...source.vision, positions: "navit", activation: "tanh" } as const;
  return {
    version: "4.0",
    title: "MiniCPM-V 4.0",
    slicing: NINE_SLICES,
    encoder: resamplerEncoder(vision, plainResampler(source, 64)),
    decoder: source.decoder,
    template: "4.0",
    generation: { temperature: 0.7, topP: 0.8, topK: 100, repetitionPenalty: 1.05, maxNewTokens: 2048 },
    naming: source.naming("navit"),
    computed: computedSineTable,
  };
}
