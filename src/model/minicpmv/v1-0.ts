import { type ModelSource, plainResampler } from "../source/model-source.ts";
import { resamplerEncoder } from "../vision/connector.ts";
import type { ModelDescription } from "./version.ts";

/**
 * MiniCPM-V 1.0 (OmniLMM-3B): one 448×448 view, timm's SigLIP without its last block, 64 queries with stored positions
 * that are resized for the keys, MiniCPM-2B with muP scales.
 */
export function describeV10(source: ModelSource): ModelDescription {
  const vision = { ...source.vision, positions: "resized", activation: "erf" } as const;
  const resampler = { ...plainResampler(source, 64), hasQueryPositions: true, keyPositions: "resized" } as const;
  return {
    version: "1.0",
    title: "MiniCPM-V 1.0",
    slicing: { kind: "fixed", side: 448 },
    encoder: resamplerEncoder(vision, resampler),
    decoder: { ...source.decoder, ...source.mupScales() },
    template: "1.0",
    generation: { temperature: 0.6, topP: 0.8, topK: 100, repetitionPenalty: 1.2, maxNewTokens: 2048 },
    naming: source.naming("timm"),
    computed: () => undefined,
  };
}
