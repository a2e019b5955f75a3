import type { ConfigJson } from "../config-json.ts";
import { llamaConfig, visionConfig } from "../hf-config.ts";
import { hfNaming } from "../hf-naming.ts";
import { resamplerEncoder } from "../vision/connector.ts";
import { SINE_TABLE, sineTable } from "../vision/resampler.ts";
import type { ModelDescription } from "./version.ts";

/** MiniCPM-V 2.6: SigLIP with 2-D positions, 64 queries, Qwen2 with biases on q, k and v. */
export function describeV26(config: ConfigJson): ModelDescription {
  const decoder = { ...llamaConfig(config), hasAttentionBias: true };
  const resampler = {
    queryCount: config.count("query_num", 64),
    width: decoder.width,
    headCount: decoder.width / 128,
    hasQueryPositions: false,
    keyPositions: "fresh",
    projection: "transposed",
  } as const;
  return {
    version: "2.6",
    title: "MiniCPM-V 2.6",
    slicing: { kind: "adaptive", granule: 14, maxSlices: 9, resolution: 448 },
    encoder: resamplerEncoder(visionConfig(config, "navit"), resampler),
    decoder,
    template: "2.6",
    generation: { temperature: 0.7, topP: 0.8, topK: 100, repetitionPenalty: 1.05, maxNewTokens: 2048 },
    languageNaming: hfNaming,
    visionNaming: hfNaming,
    computed: (name, [side, width]) => (name === SINE_TABLE ? sineTable(side, width) : undefined),
    ignored: /^resampler\.pos_embed/,
  };
}
