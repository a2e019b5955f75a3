import type { DecoderConfig, HybridConfig, VisionConfig } from "../config.ts";
import type { GgufFamily } from "./families.ts";
import { bool, f32, f32s, type GgufEntries, i32, i32s, text, u32 } from "./metadata-values.ts";

/** Keys of a language model, in the order of llama.cpp's converter. */
export function languageMetadata(
  architecture: GgufFamily["architecture"],
  decoder: DecoderConfig,
  ropeTheta: number,
): GgufEntries {
  const rotatedWidth = 2 * decoder.inverseFrequencies.length;
  const keys: GgufEntries = [
    ["context_length", u32(decoder.contextLength)],
    ["embedding_length", u32(decoder.width)],
    ["block_count", u32(decoder.layerCount)],
    ["feed_forward_length", u32(decoder.feedForward)],
    ["attention.head_count", u32(decoder.headCount)],
    ["attention.head_count_kv", u32(decoder.groupCount)],
    ["attention.key_length", u32(decoder.headWidth)],
    ["attention.value_length", u32(decoder.headWidth)],
    ["attention.layer_norm_rms_epsilon", f32(decoder.eps)],
    ["vocab_size", u32(decoder.vocabularySize)],
    ["rope.freq_base", f32(ropeTheta)],
    ["rope.dimension_count", u32(rotatedWidth)],
    ...(decoder.hybrid === undefined ? [] : hybridMetadata(decoder.hybrid, rotatedWidth)),
  ];
  return keys.map(([key, value]) => [`${architecture}.${key}`, value] as const);
}

function hybridMetadata(hybrid: HybridConfig, rotatedWidth: number): GgufEntries {
  return [
    ["rope.dimension_sections", i32s(rotarySections(rotatedWidth / 2))],
    ["full_attention_interval", u32(hybrid.fullAttentionInterval)],
    ["ssm.conv_kernel", u32(hybrid.convolutionTaps)],
    ["ssm.state_size", u32(hybrid.keyWidth)],
    ["ssm.group_count", u32(hybrid.headCount)],
    ["ssm.time_step_rank", u32(hybrid.headCount)],
    ["ssm.inner_size", u32(hybrid.headCount * hybrid.valueWidth)],
  ];
}

/** Qwen3.5's split of rotary pairs over time, height and width: 11, 11, 10 of 32. Positions are equal in all three. */
function rotarySections(pairs: number): readonly number[] {
  const time = Math.ceil(pairs / 3);
  const height = Math.ceil((pairs - time) / 2);
  return [time, height, pairs - time - height, 0];
}

/** What an mmproj file says of its connector. */
export interface ProjectorFacts {
  readonly projector: GgufFamily["projector"];
  readonly queryCount: number | undefined;
  readonly modelWidth: number;
  readonly insertLayer: () => number;
  /** Side of the square whose area one view aims at. */
  readonly resolution: number;
}

/** Keys of a vision tower and its connector, as published mmproj files have them. */
export function visionMetadata(
  vision: Omit<VisionConfig, "positions" | "activation">,
  facts: ProjectorFacts,
): GgufEntries {
  return [
    ["general.description", text("image encoder for MiniCPM-V")],
    ["clip.has_text_encoder", bool(false)],
    ["clip.has_vision_encoder", bool(true)],
    ["clip.use_gelu", bool(true)],
    ["clip.vision.image_size", u32(facts.resolution)],
    ["clip.vision.patch_size", u32(vision.patchSize)],
    ["clip.vision.embedding_length", u32(vision.width)],
    ["clip.vision.feed_forward_length", u32(vision.feedForward)],
    ["clip.vision.block_count", u32(vision.layerCount)],
    ["clip.vision.attention.head_count", u32(vision.headCount)],
    ["clip.vision.attention.layer_norm_epsilon", f32(vision.eps)],
    ["clip.vision.image_mean", f32s([0.5, 0.5, 0.5])],
    ["clip.vision.image_std", f32s([0.5, 0.5, 0.5])],
    ...projectorMetadata(facts),
  ];
}

function projectorMetadata({ projector, queryCount, modelWidth, insertLayer }: ProjectorFacts): GgufEntries {
  if (projector.type === "minicpmv4_6") {
    return [
      ["clip.projector_type", text("minicpmv4_6")],
      ["clip.vision.projection_dim", u32(modelWidth)],
      // each of the two mergers halves both sides
      ["clip.vision.projector.scale_factor", u32(4)],
      ["clip.vision.wa_layer_indexes", i32s([insertLayer()])],
    ];
  }
  return [
    ["clip.has_minicpmv_projector", bool(true)],
    ["clip.projector_type", text("resampler")],
    ["clip.minicpmv_version", i32(projector.number)],
    ["clip.minicpmv_query_num", u32(queryCount ?? 0)],
    // readers take the width from the queries
    ["clip.vision.projection_dim", u32(0)],
  ];
}
