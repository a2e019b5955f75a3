import { inverseFrequencies } from "../nn/rotary-frequencies.ts";
import type { DecoderConfig, VisionConfig } from "./config.ts";
import type { ConfigJson } from "./config-json.ts";

/** Vision part of a published config.json, as every version since 2.5 writes it. */
export function visionConfig(config: ConfigJson, positions: VisionConfig["positions"]): VisionConfig {
  const vision = config.object("vision_config");
  const layers = vision.count("num_hidden_layers");
  const patchSize = vision.count("patch_size", 14);
  return {
    width: vision.count("hidden_size"),
    layerCount: config.boolean("drop_vision_last_layer", false) ? layers - 1 : layers,
    headCount: vision.count("num_attention_heads"),
    feedForward: vision.count("intermediate_size"),
    patchSize,
    tableSide: Math.floor(vision.count("image_size") / patchSize),
    eps: vision.number("layer_norm_eps", 1e-6),
    positions,
  };
}

/** Llama-type decoder of a published config.json; versions override what differs. */
export function llamaConfig(config: ConfigJson): DecoderConfig {
  const width = config.count("hidden_size");
  const headCount = config.count("num_attention_heads");
  const headWidth = config.count("head_dim", width / headCount);
  return {
    width,
    layerCount: config.count("num_hidden_layers"),
    headCount,
    groupCount: config.count("num_key_value_heads", headCount),
    headWidth,
    feedForward: config.count("intermediate_size"),
    vocabularySize: config.count("vocab_size"),
    eps: config.number("rms_norm_eps", 1e-6),
    inverseFrequencies: inverseFrequencies({ theta: config.number("rope_theta", 10000), rotatedWidth: headWidth }),
    rotaryPairing: "half",
    hasAttentionBias: false,
    hasHeadNorm: false,
    isTied: config.boolean("tie_word_embeddings", false),
    contextLength: config.count("max_position_embeddings"),
    embeddingScale: 1,
    residualScale: 1,
    logitDivisor: 1,
  };
}
