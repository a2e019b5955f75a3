import { inverseFrequencies, longRopeFactors } from "../../nn/rotary-frequencies.ts";
import type { Checkpoint } from "../../weights/checkpoint.ts";
import { CheckpointEntryError } from "../../weights/errors.ts";
import { dequantise } from "../../weights/quant/dequantise.ts";
import type { DecoderConfig, HybridConfig, VisionConfig } from "../config.ts";
import { MAX_HEAD_WIDTH, MAX_LAYERS } from "../config-json.ts";
import { ggufLanguageNaming, ggufVisionNaming, hasSwappedFeedForward } from "../naming/gguf.ts";
import { GgufKeys } from "./gguf-keys.ts";
import type { ModelSource, MupScales } from "./model-source.ts";

/** Architectures whose converter lays the rows of q and k out for adjacent pairs. */
const PERMUTED = new Set(["llama", "minicpm"]);
/** A position table that is computed instead, divisors that are read with the configuration. */
const IGNORED = /^resampler\.pos_embed_k$|^rope_factors_(long|short)\.weight$/;

/** What a pair of GGUF files says: language model and mmproj. Reads the LongRoPE divisors, if any. */
export async function ggufSource(language: Checkpoint, vision: Checkpoint): Promise<ModelSource> {
  const { architecture, keys: text } = languageKeys(language);
  const tower = visionConfig(vision);
  return {
    decoder: await ggufDecoder(language),
    vision: tower,
    // the key is missing, or 0, in old files
    queryCount: vision.has("resampler.query") ? vision.tensor("resampler.query").shape[0] : undefined,
    resolution: new GgufKeys(vision.fileName, vision.metadata, "clip.vision").count("image_size", 448),
    name: language.metadata.string("general.name") ?? "",
    projection: "plain",
    isBatched: true,
    mupScales: () => mupScales(text),
    hybrid: () => hybridConfig(text),
    insertLayer: () => insertLayer(vision, tower.layerCount),
    naming: () => ({
      language: ggufLanguageNaming(architecture),
      vision: ggufVisionNaming({ isSwapped: hasSwappedFeedForward(vision, tower.width) }),
      ignored: [IGNORED],
    }),
  };
}

function languageKeys(language: Checkpoint): { readonly architecture: string; readonly keys: GgufKeys } {
  const architecture = language.metadata.string("general.architecture") ?? "";
  return { architecture, keys: new GgufKeys(language.fileName, language.metadata, architecture) };
}

function visionConfig(vision: Checkpoint): Omit<VisionConfig, "positions" | "activation"> {
  const keys = new GgufKeys(vision.fileName, vision.metadata, "clip.vision");
  const [places] = vision.tensor("v.position_embd.weight").shape;
  return {
    width: keys.count("embedding_length"),
    layerCount: keys.count("block_count", undefined, MAX_LAYERS),
    headCount: keys.count("attention.head_count"),
    feedForward: keys.count("feed_forward_length"),
    patchSize: keys.count("patch_size"),
    tableSide: Math.sqrt(places),
    eps: keys.number("attention.layer_norm_epsilon", 1e-6),
  };
}

/** The decoder of a language model's file, which needs no mmproj; muP scales and hybrid layers are left to the version. */
export async function ggufDecoder(language: Checkpoint): Promise<DecoderConfig> {
  const { architecture, keys } = languageKeys(language);
  const width = keys.count("embedding_length");
  const headCount = keys.count("attention.head_count");
  const headWidth = keys.count("attention.key_length", width / headCount, MAX_HEAD_WIDTH);
  const [vocabularySize] = language.tensor("token_embd.weight").shape;
  return {
    width,
    layerCount: keys.count("block_count", undefined, MAX_LAYERS),
    headCount,
    groupCount: keys.count("attention.head_count_kv", headCount),
    headWidth,
    feedForward: keys.count("feed_forward_length"),
    vocabularySize,
    eps: keys.number("attention.layer_norm_rms_epsilon"),
    rotaryPairing: PERMUTED.has(architecture) ? "adjacent" : "half",
    hasAttentionBias: false,
    hasHeadNorm: false,
    isTied: !language.has("output.weight"),
    ...(await rotary(language, keys, headWidth)),
    embeddingScale: 1,
    residualScale: 1,
    logitDivisor: 1,
  };
}

async function rotary(
  language: Checkpoint,
  keys: GgufKeys,
  headWidth: number,
): Promise<Pick<DecoderConfig, "inverseFrequencies" | "contextLength">> {
  const theta = keys.number("rope.freq_base", 10000);
  const rotatedWidth = keys.count("rope.dimension_count", headWidth, headWidth);
  const contextLength = keys.count("context_length");
  if (keys.number("rope.scaling.attn_factor", 1) !== 1) {
    throw new CheckpointEntryError(language.fileName, "rope.scaling.attn_factor differs from 1");
  }
  const [short, long] = [await factors(language, "short"), await factors(language, "long")];
  if (short === undefined || long === undefined) {
    return { inverseFrequencies: inverseFrequencies({ theta, rotatedWidth }), contextLength };
  }
  if (short.length !== rotatedWidth / 2) {
    throw new CheckpointEntryError(
      language.fileName,
      `rope_factors_short has ${short.length} values for ${rotatedWidth / 2} pairs`,
    );
  }
  const originalLength = keys.count("rope.scaling.original_context_length", contextLength);
  const chosen = longRopeFactors({ short, long, originalLength, contextLength });
  return {
    inverseFrequencies: inverseFrequencies({ theta, rotatedWidth, factors: chosen.factors }),
    contextLength: chosen.contextLength,
  };
}

/** LongRoPE divisors are tensors in GGUF files. */
async function factors(language: Checkpoint, kind: "short" | "long"): Promise<Float32Array | undefined> {
  const name = `rope_factors_${kind}.weight`;
  if (!language.has(name)) return undefined;
  const tensor = language.tensor(name);
  const count = tensor.shape.reduce((product, n) => product * n, 1);
  return dequantise(tensor.type, await tensor.read(), count);
}

/** logit_scale is written as width ÷ dim_model_base, and the graph divides by it; a missing key means 1. */
function mupScales(keys: GgufKeys): MupScales {
  return {
    embeddingScale: keys.number("embedding_scale", 1),
    residualScale: keys.number("residual_scale", 1),
    logitDivisor: keys.number("logit_scale", 1),
  };
}

function hybridConfig(keys: GgufKeys): HybridConfig {
  const headCount = keys.count("ssm.group_count");
  return {
    fullAttentionInterval: keys.count("full_attention_interval", 4),
    headCount,
    keyWidth: keys.count("ssm.state_size"),
    valueWidth: keys.count("ssm.inner_size") / keys.count("ssm.time_step_rank", headCount),
    convolutionTaps: keys.count("ssm.conv_kernel"),
  };
}

function insertLayer(vision: Checkpoint, layerCount: number): number {
  const layers = Array.from(vision.metadata.numbers("clip.vision.wa_layer_indexes") ?? []);
  const [layer] = layers;
  if (layers.length === 1 && Number.isInteger(layer) && layer >= 0 && layer < layerCount - 1) return layer;
  throw new CheckpointEntryError(
    vision.fileName,
    `metadata key clip.vision.wa_layer_indexes is [${layers.join(", ")}], not one of ${layerCount} layers`,
  );
}
