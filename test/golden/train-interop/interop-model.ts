import { inverseFrequencies } from "../../../src/nn/rotary-frequencies.ts";
import type { LoraOptions } from "../../../src/train/lora.ts";
import type { EncodedSample } from "../../../src/train/pack-inputs.ts";
import { tinySample } from "../../../src/train/testing/tiny-model.ts";
import type { PackShape, TrainedModel } from "../../../src/train/training-graph.ts";

const WIDTH = 128;
const THETA = 1e6;

/** A 2.6-type model as small as its resampler allows: heads of 128. */
export const INTEROP: TrainedModel = {
  vision: {
    width: 16,
    layerCount: 2,
    headCount: 2,
    feedForward: 24,
    patchSize: 14,
    tableSide: 70,
    eps: 1e-6,
    positions: "navit",
    activation: "tanh",
  },
  resampler: {
    queryCount: 4,
    width: WIDTH,
    headCount: 1,
    hasQueryPositions: false,
    keyPositions: "fresh",
    hasTime: false,
    projection: "transposed",
  },
  decoder: {
    width: WIDTH,
    layerCount: 2,
    headCount: 4,
    groupCount: 2,
    headWidth: 32,
    feedForward: 64,
    vocabularySize: 40,
    eps: 1e-6,
    inverseFrequencies: inverseFrequencies({ theta: THETA, rotatedWidth: 32 }),
    rotaryPairing: "half",
    hasAttentionBias: true,
    hasHeadNorm: false,
    isTied: false,
    contextLength: 1024,
    embeddingScale: 1,
    residualScale: 1,
    logitDivisor: 1,
  },
};

/** config.json in the published form. */
export const INTEROP_CONFIG = {
  architectures: ["MiniCPMV"],
  model_type: "minicpmv",
  version: 2.6,
  hidden_size: WIDTH,
  intermediate_size: INTEROP.decoder.feedForward,
  max_position_embeddings: INTEROP.decoder.contextLength,
  num_attention_heads: INTEROP.decoder.headCount,
  num_hidden_layers: INTEROP.decoder.layerCount,
  num_key_value_heads: INTEROP.decoder.groupCount,
  rms_norm_eps: INTEROP.decoder.eps,
  rope_theta: THETA,
  tie_word_embeddings: false,
  vocab_size: INTEROP.decoder.vocabularySize,
  query_num: INTEROP.resampler.queryCount,
  vision_config: {
    hidden_size: INTEROP.vision.width,
    image_size: 980,
    intermediate_size: INTEROP.vision.feedForward,
    model_type: "siglip",
    num_attention_heads: INTEROP.vision.headCount,
    num_hidden_layers: INTEROP.vision.layerCount,
    patch_size: 14,
  },
} as const;

export const INTEROP_SHAPE: PackShape = { views: 1, patches: 6, tokens: 16 };

export const INTEROP_LORA: LoraOptions = {
  rank: 2,
  alpha: 6,
  targets: /llm\..*layers\.\d+\.self_attn\.(q_proj|k_proj|v_proj|o_proj)/,
  modulesToSave: ["embed_tokens", "resampler"],
};

/** One picture of 2×3 patches, then text: 16 tokens, so that a pack holds nothing else. */
export const INTEROP_SAMPLE: EncodedSample = tinySample(77, { rows: 2, columns: 3, words: 6, answer: 5 });
