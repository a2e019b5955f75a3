import { inverseFrequencies, longRopeFactors } from "../../nn/rotary-frequencies.ts";
import type { Checkpoint } from "../../weights/checkpoint.ts";
import type { DecoderConfig, HybridConfig, VisionConfig } from "../config.ts";
import { ConfigError, type ConfigJson, MAX_HEAD_WIDTH, MAX_LAYERS } from "../config-json.ts";
import { hfNaming, mergedNaming, timmNaming } from "../naming/hf.ts";
import type { ModelSource, MupScales } from "./model-source.ts";

const NAMING = { timm: timmNaming, navit: hfNaming, merger: mergedNaming };
/** Audio and speech parts of o-models, buffers that old files carry, and tables that are computed instead. */
const IGNORED =
  /^(apm|audio_projection_layer|audio_avg_pooler|tts)\.|rotary_emb\.inv_freq$|\.position_ids$|^resampler\.pos_embed$/;
/** Head width of SO400M, for configurations that only name their tower (V-1.0, V-2.0). */
const TIMM_HEAD_WIDTH = 72;

/** What a published config.json and its safetensors say. */
export function hfSource(config: ConfigJson, checkpoint: Checkpoint): ModelSource {
  const text = config.has("text_config") ? config.object("text_config") : config;
  const vision = config.has("vision_config") ? visionConfig(config) : timmConfig(checkpoint);
  return {
    decoder: decoderConfig(config, text),
    vision,
    queryCount: config.has("query_num") ? config.count("query_num") : undefined,
    resolution: config.has("slice_config") ? config.object("slice_config").count("scale_resolution", 448) : 448,
    name: config.string("_name_or_path", ""),
    projection: "transposed",
    isBatched: config.boolean("batch_vision_input", true),
    mupScales: () => mupScales(text),
    hybrid: () => hybridConfig(text),
    insertLayer: () => config.count("insert_layer_id", 6, vision.layerCount - 1),
    naming: (tower) => ({ language: NAMING[tower], vision: NAMING[tower], ignored: [IGNORED] }),
  };
}

function visionConfig(config: ConfigJson): Omit<VisionConfig, "positions" | "activation"> {
  const vision = config.object("vision_config");
  const layers = vision.count("num_hidden_layers", undefined, MAX_LAYERS);
  const patchSize = vision.count("patch_size", 14);
  return {
    width: vision.count("hidden_size"),
    layerCount: config.boolean("drop_vision_last_layer", false) ? layers - 1 : layers,
    headCount: vision.count("num_attention_heads"),
    feedForward: vision.count("intermediate_size"),
    patchSize,
    tableSide: Math.floor(vision.count("image_size") / patchSize),
    eps: vision.number("layer_norm_eps", 1e-6),
  };
}

/** V-1.0 and V-2.0 name a timm model in their config.json; its sizes are those of the tensors. */
function timmConfig(checkpoint: Checkpoint): Omit<VisionConfig, "positions" | "activation"> {
  const [width, , patchSize] = checkpoint.tensor("vpm.patch_embed.proj.weight").shape;
  const [feedForward] = checkpoint.tensor("vpm.blocks.0.mlp.fc1.weight").shape;
  const [, places] = checkpoint.tensor("vpm.pos_embed").shape;
  return {
    width,
    layerCount: checkpoint.names.filter((name) => /^vpm\.blocks\.\d+\.norm1\.weight$/.test(name)).length,
    headCount: width / TIMM_HEAD_WIDTH,
    feedForward,
    patchSize,
    tableSide: Math.sqrt(places),
    eps: 1e-6,
  };
}

function decoderConfig(config: ConfigJson, text: ConfigJson): DecoderConfig {
  const width = text.count("hidden_size");
  const headCount = text.count("num_attention_heads");
  const headWidth = text.count("head_dim", width / headCount, MAX_HEAD_WIDTH);
  return {
    width,
    layerCount: text.count("num_hidden_layers", undefined, MAX_LAYERS),
    headCount,
    groupCount: text.count("num_key_value_heads", headCount),
    headWidth,
    feedForward: text.count("intermediate_size"),
    vocabularySize: text.count("vocab_size"),
    eps: text.number("rms_norm_eps", 1e-6),
    rotaryPairing: "half",
    hasAttentionBias: false,
    hasHeadNorm: false,
    isTied: text.boolean("tie_word_embeddings", config.boolean("tie_word_embeddings", false)),
    ...rotary(text, headWidth),
    embeddingScale: 1,
    residualScale: 1,
    logitDivisor: 1,
  };
}

/** Base of the rotary embedding, wherever a release writes it. */
export function ropeTheta(config: ConfigJson): number {
  const text = config.has("text_config") ? config.object("text_config") : config;
  const settings = ropeSettings(text)?.settings;
  return text.number("rope_theta", settings?.number("rope_theta", 10000) ?? 10000);
}

/** transformers 5 moved the settings into rope_parameters. */
function ropeSettings(text: ConfigJson): { readonly key: string; readonly settings: ConfigJson } | undefined {
  const key = ["rope_parameters", "rope_scaling"].find((each) => text.has(each));
  return key === undefined ? undefined : { key, settings: text.object(key) };
}

function rotary(text: ConfigJson, headWidth: number): Pick<DecoderConfig, "inverseFrequencies" | "contextLength"> {
  const rope = ropeSettings(text);
  const settings = rope?.settings;
  const theta = ropeTheta(text);
  const share = text.number("partial_rotary_factor", settings?.number("partial_rotary_factor", 1) ?? 1);
  const rotatedWidth = Math.floor(headWidth * share);
  if (share <= 0 || share > 1 || rotatedWidth % 2 !== 0) {
    throw new ConfigError("partial_rotary_factor", `an even share of ${headWidth}`, share);
  }
  const contextLength = text.count("max_position_embeddings");
  const type = settings?.string("rope_type", settings.string("type", "default")) ?? "default";
  if (settings === undefined || type === "default") {
    return { inverseFrequencies: inverseFrequencies({ theta, rotatedWidth }), contextLength };
  }
  if (type !== "longrope" || settings.number("factor", 1) !== 1) {
    throw new ConfigError(`${rope?.key}.rope_type`, "default, or longrope with factor 1", settings.raw("rope_type"));
  }
  const short = settings.numbers("short_factor");
  if (short.length !== rotatedWidth / 2) {
    throw new ConfigError(`${rope?.key}.short_factor`, `${rotatedWidth / 2} numbers`, short);
  }
  const long = longRopeFactors({
    short,
    long: settings.numbers("long_factor"),
    originalLength: settings.count("original_max_position_embeddings"),
    contextLength,
  });
  return {
    inverseFrequencies: inverseFrequencies({ theta, rotatedWidth, factors: long.factors }),
    contextLength: long.contextLength,
  };
}

function mupScales(text: ConfigJson): MupScales {
  const layers = text.count("num_hidden_layers");
  return {
    embeddingScale: text.number("scale_emb", 1),
    residualScale: text.has("scale_depth") ? text.number("scale_depth") / Math.sqrt(layers) : 1,
    logitDivisor: text.has("dim_model_base") ? text.count("hidden_size") / text.number("dim_model_base") : 1,
  };
}

function hybridConfig(text: ConfigJson): HybridConfig {
  const headCount = text.count("linear_num_key_heads");
  const valueHeads = text.count("linear_num_value_heads");
  if (valueHeads !== headCount) throw new ConfigError("linear_num_value_heads", `${headCount}, as keys`, valueHeads);
  return {
    fullAttentionInterval: text.count("full_attention_interval", 4),
    headCount,
    keyWidth: text.count("linear_key_head_dim"),
    valueWidth: text.count("linear_value_head_dim"),
    convolutionTaps: text.count("linear_conv_kernel_dim"),
  };
}
