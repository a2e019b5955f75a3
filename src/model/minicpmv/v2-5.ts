import { type ModelSource, plainResampler } from "../source/model-source.ts";
import { resamplerEncoder } from "../vision/connector.ts";
import { computedSineTable } from "../vision/resampler.ts";
import { type ModelDescription, type ModelOptions, NINE_SLICES } from "./version.ts";

/**
 * MiniCPM-Llama3-V 2.5: the paper's model. SigLIP whose patches are placed along one strip, 96 queries, Llama-3. As
 * released, all views of a request are padded to the longest, and the padding is visible to attention.
 */
export function describeV25(source: ModelSource, options: ModelOptions): ModelDescription {
  const released = source.isBatched ? "longestStrip" : "ownStrip";
  const vision = { ...source.vision, positions: options.positions ?? released, activation: "tanh" } as const;
  return {
    version: "2.5",
    title: "MiniCPM-Llama3-V 2.5",
    slicing: NINE_SLICES,
    encoder: resamplerEncoder(vision, plainResampler(source, 96)),
    decoder: source.decoder,
    template: "2.5",
    generation: { temperature: 0.7, topP: 0.8, topK: 100, repetitionPenalty: 1.05, maxNewTokens: 1024 },
    naming: source.naming("navit"),
    computed: computedSineTable,
  };
}
