import { type ModelSource, plainResampler } from "../source/model-source.ts";
import { resamplerEncoder } from "../vision/connector.ts";
import { computedSineTable } from "../vision/resampler.ts";
import { type ModelDescription, NINE_SLICES } from "./version.ts";

/**
 * MiniCPM-V 2.0: slices, timm's SigLIP without its last block, 64 queries with stored positions, keys placed by
 * coordinates, MiniCPM-2B with muP scales.
 */
export function describeV20(source: ModelSource): ModelDescription {
  const vision = { ...source.vision, positions: "resized", activation: "erf" } as const;
  return {
    version: "2.0",
    title: "MiniCPM-V 2.0",
    slicing: NINE_SLICES,
    encoder: resamplerEncoder(vision, { ...plainResampler(source, 64), hasQueryPositions: true }),
    decoder: { ...source.decoder, ...source.mupScales() },
    template: "2.0",
    generation: { temperature: 0.7, topP: 0.8, topK: 100, repetitionPenalty: 1.05, maxNewTokens: 1024 },
    naming: source.naming("timm"),
    computed: computedSineTable,
  };
}
