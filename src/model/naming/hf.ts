import type { WeightNaming } from "../weight-binding.ts";
import { convolutionShape, PATCH_WEIGHT, type RenameTable, rename } from "./rename.ts";

const STACK = ["q", "k", "v"];
const RESAMPLER_PART = /^resampler\.attn\.([qkv])_proj\.(weight|bias)$/;

/**
 * Names of the published safetensors files of V-2.5 to V-4.5. The graph uses the same names, except that the resampler's
 * stacked q, k, v are three weights.
 */
export const hfNaming: WeightNaming = (name, shape) => {
  const part = RESAMPLER_PART.exec(name);
  if (part !== null) {
    return { name: `resampler.attn.in_proj_${part[2]}`, part: { index: STACK.indexOf(part[1]), count: 3 } };
  }
  if (name === PATCH_WEIGHT) return { name, shape: convolutionShape(shape) };
  return { name };
};

const TIMM_PART = /^vpm\.encoder\.layers\.(\d+)\.self_attn\.([qkv])_proj\.(weight|bias)$/;

const TIMM: RenameTable = [
  [/^vpm\.embeddings\.patch_embedding\./, "vpm.patch_embed.proj."],
  [/^vpm\.embeddings\.position_embedding\.weight$/, "vpm.pos_embed"],
  [/^vpm\.encoder\.layers\.(\d+)\.layer_norm([12])\./, "vpm.blocks.$1.norm$2."],
  [/^vpm\.encoder\.layers\.(\d+)\.self_attn\.out_proj\./, "vpm.blocks.$1.attn.proj."],
  [/^vpm\.encoder\.layers\.(\d+)\.mlp\./, "vpm.blocks.$1.mlp."],
  [/^vpm\.post_layernorm\./, "vpm.norm."],
];

/** V-1.0 and V-2.0: timm's names in the tower, q, k and v of a block stacked. */
export const timmNaming: WeightNaming = (name, shape) => {
  const part = TIMM_PART.exec(name);
  if (part !== null) {
    const stacked = `vpm.blocks.${part[1]}.attn.qkv.${part[3]}`;
    return { name: stacked, part: { index: STACK.indexOf(part[2]), count: 3 } };
  }
  const renamed = rename(TIMM, name);
  if (renamed === undefined) return hfNaming(name, shape);
  if (name === PATCH_WEIGHT) return { name: renamed, shape: convolutionShape(shape) };
  return renamed === "vpm.pos_embed" ? { name: renamed, shape: [1, ...shape] } : { name: renamed };
};

const MERGED: RenameTable = [
  [/^llm\.model\./, "model.language_model."],
  [/^vpm\./, "model.vision_tower."],
  [/^merger\./, "model.merger.mlp.0."],
  [/^llm\.lm_head\./, "lm_head."],
];

/** RMS norms whose weight is stored as w and used as 1 + w; the gated norm of linear attention is used as stored. */
const SHIFTED_NORM = /^llm\.model\.(norm|.*\.(input_layernorm|post_attention_layernorm|[qk]_norm))\.weight$/;

/** V-4.6: names of transformers' own class, with Qwen3.5's transforms. */
export const mergedNaming: WeightNaming = (name, shape) => {
  const renamed = rename(MERGED, name);
  if (renamed === undefined) return undefined;
  if (name === PATCH_WEIGHT) return { name: renamed, shape: convolutionShape(shape) };
  if (SHIFTED_NORM.test(name)) return { name: renamed, map: (w) => 1 + w };
  if (name.endsWith(".linear_attn.conv1d.weight")) return { name: renamed, shape: [shape[0], 1, shape[1]] };
  if (name.endsWith(".linear_attn.decay")) {
    return { name: renamed.replace(/decay$/, "A_log"), map: (logarithm) => -Math.exp(logarithm) };
  }
  return { name: renamed };
};
