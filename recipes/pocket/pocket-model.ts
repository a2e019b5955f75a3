import { inverseFrequencies } from "../../src/nn/rotary-frequencies.ts";
import type { DenseHead, PlaceHead, TrainedModel } from "../../src/train/training-graph.ts";
import { SPECIAL_TOKENS } from "./vocabulary.ts";

/** Side of the square whose area one view aims at: sixteen slices hold a receipt of 50 lines at 20 pixels a line. */
export const POCKET_RESOLUTION = 168;
export const POCKET_SLICES = 16;

const WIDTH = 256;
const HEADS = 4;
const CONTEXT = 4096;
const THETA = 10000;
/** As many rows as the tokenizer has ids, rounded up so that quantised formats take them. */
export const POCKET_VOCABULARY = 288;

/** The embedded model: the family's architecture (tower, resampler, Qwen2-type decoder as V-2.6's), small. */
export const POCKET: TrainedModel = {
  vision: {
    width: 192,
    layerCount: 4,
    headCount: 4,
    feedForward: 576,
    // a printed character of 10 × 14 pixels is seen in two to four patches; in patches of 14 it shares one with its neighbours
    patchSize: 8,
    tableSide: 70,
    eps: 1e-6,
    positions: "navit",
    activation: "tanh",
  },
  resampler: {
    queryCount: 64,
    width: WIDTH,
    headCount: WIDTH / 128,
    hasQueryPositions: false,
    keyPositions: "fresh",
    hasTime: false,
    projection: "transposed",
  },
  decoder: {
    width: WIDTH,
    layerCount: 4,
    headCount: HEADS,
    groupCount: 2,
    headWidth: WIDTH / HEADS,
    feedForward: 768,
    vocabularySize: POCKET_VOCABULARY,
    eps: 1e-6,
    inverseFrequencies: inverseFrequencies({ theta: THETA, rotatedWidth: WIDTH / HEADS }),
    rotaryPairing: "half",
    hasAttentionBias: true,
    hasHeadNorm: false,
    isTied: false,
    contextLength: CONTEXT,
    embeddingScale: 1,
    residualScale: 1,
    logitDivisor: 1,
  },
};

/** Characters that the dense head tells apart; class 0 is "none of these". */
export const CHARACTERS: readonly string[] = [
  ...Array.from({ length: 94 }, (_, i) => String.fromCodePoint(33 + i)),
  ...Array.from({ length: 95 }, (_, i) => String.fromCodePoint(161 + i)),
  ..."€–—•…“”‘’ŒœŠšŽžŸĄąĆćĘęŁłŃńŚśŹźŻżŐőŰűĞğİıŞş",
];

/** Parts of the view that a query's labels stand for: a query of an 8 × 8 arrangement covers about 21 × 21 pixels. */
export const QUERY_CELLS = { across: 3, down: 2 } as const;

export const POCKET_DENSE: DenseHead = {
  classCount: 256,
  cellsPerPatch: 1,
  cellsPerQuery: QUERY_CELLS.across * QUERY_CELLS.down,
};

/** Half of the decoder finds where to look, so that the other half can read there. */
const PLACES: PlaceHead = { layer: 1, placeCount: POCKET.resampler.queryCount };

/** What is trained beside the model and not shipped. */
export const POCKET_HEADS = { dense: POCKET_DENSE, places: PLACES } as const;

/** config.json of the published form, so that other tools open a checkpoint. */
export function pocketConfig(): Readonly<Record<string, unknown>> {
  const { vision, decoder, resampler } = POCKET;
  return {
    architectures: ["MiniCPMV"],
    model_type: "minicpmv",
    version: 2.6,
    _name_or_path: "minicpmv/pocket",
    hidden_size: decoder.width,
    num_hidden_layers: decoder.layerCount,
    num_attention_heads: decoder.headCount,
    num_key_value_heads: decoder.groupCount,
    head_dim: decoder.headWidth,
    intermediate_size: decoder.feedForward,
    vocab_size: decoder.vocabularySize,
    rms_norm_eps: decoder.eps,
    rope_theta: THETA,
    tie_word_embeddings: decoder.isTied,
    max_position_embeddings: decoder.contextLength,
    hidden_act: "silu",
    batch_vision_input: true,
    drop_vision_last_layer: false,
    image_size: POCKET_RESOLUTION,
    patch_size: vision.patchSize,
    query_num: resampler.queryCount,
    slice_config: { max_slice_nums: POCKET_SLICES, scale_resolution: POCKET_RESOLUTION, patch_size: vision.patchSize },
    slice_mode: true,
    special_tokens: SPECIAL_TOKENS.length,
    vision_config: {
      hidden_size: vision.width,
      image_size: vision.patchSize * vision.tableSide,
      intermediate_size: vision.feedForward,
      model_type: "siglip",
      num_attention_heads: vision.headCount,
      num_hidden_layers: vision.layerCount,
      patch_size: vision.patchSize,
    },
  };
}
