import type { Checkpoint } from "../../weights/checkpoint.ts";
import type { WeightNaming } from "../weight-binding.ts";
import { convolutionShape, PATCH_WEIGHT, type RenameTable, rename } from "./rename.ts";

const LANGUAGE: RenameTable = [
  [/^llm\.model\.embed_tokens\./, "token_embd."],
  [/^llm\.model\.norm\./, "output_norm."],
  [/^llm\.lm_head\./, "output."],
  [/^llm\.model\.layers\.(\d+)\.input_layernorm\./, "blk.$1.attn_norm."],
  [/^llm\.model\.layers\.(\d+)\.post_attention_layernorm\./, "blk.$1.ffn_norm."],
  [/^llm\.model\.layers\.(\d+)\.self_attn\.o_proj\./, "blk.$1.attn_output."],
  [/^llm\.model\.layers\.(\d+)\.self_attn\.([qkv])_proj\./, "blk.$1.attn_$2."],
  [/^llm\.model\.layers\.(\d+)\.self_attn\.([qk])_norm\./, "blk.$1.attn_$2_norm."],
  [/^llm\.model\.layers\.(\d+)\.mlp\.(gate|up|down)_proj\./, "blk.$1.ffn_$2."],
];

/** Parts of gated delta nets; norms and decay lie in the file in the form that the graph asks for. */
const HYBRID: RenameTable = [
  [/^llm\.model\.layers\.(\d+)\.post_attention_layernorm\./, "blk.$1.post_attention_norm."],
  [/^llm\.model\.layers\.(\d+)\.linear_attn\.in_proj_qkv\./, "blk.$1.attn_qkv."],
  [/^llm\.model\.layers\.(\d+)\.linear_attn\.in_proj_z\./, "blk.$1.attn_gate."],
  [/^llm\.model\.layers\.(\d+)\.linear_attn\.in_proj_a\./, "blk.$1.ssm_alpha."],
  [/^llm\.model\.layers\.(\d+)\.linear_attn\.in_proj_b\./, "blk.$1.ssm_beta."],
  [/^llm\.model\.layers\.(\d+)\.linear_attn\.conv1d\./, "blk.$1.ssm_conv1d."],
  [/^llm\.model\.layers\.(\d+)\.linear_attn\.decay$/, "blk.$1.ssm_a"],
  [/^llm\.model\.layers\.(\d+)\.linear_attn\.dt_bias$/, "blk.$1.ssm_dt.bias"],
  [/^llm\.model\.layers\.(\d+)\.linear_attn\.norm\./, "blk.$1.ssm_norm."],
  [/^llm\.model\.layers\.(\d+)\.linear_attn\.out_proj\./, "blk.$1.ssm_out."],
  ...LANGUAGE,
];

/** Names of a language model's GGUF file. */
export function ggufLanguageNaming(architecture: string): WeightNaming {
  const table = architecture === "qwen35" ? HYBRID : LANGUAGE;
  return (name) => {
    const renamed = rename(table, name);
    return renamed === undefined ? undefined : { name: renamed };
  };
}

const VISION: RenameTable = [
  [/^vpm\.embeddings\.patch_embedding\./, "v.patch_embd."],
  [/^vpm\.embeddings\.position_embedding\./, "v.position_embd."],
  [/^vpm\.encoder\.layers\.(\d+)\.layer_norm([12])\./, "v.blk.$1.ln$2."],
  [/^vpm\.encoder\.layers\.(\d+)\.self_attn\.([qkv])_proj\./, "v.blk.$1.attn_$2."],
  [/^vpm\.encoder\.layers\.(\d+)\.self_attn\.out_proj\./, "v.blk.$1.attn_out."],
  [/^vpm\.post_layernorm\./, "v.post_ln."],
  [/^resampler\.kv_proj\./, "resampler.kv."],
  [/^resampler\.attn\.([qkv])_proj\./, "resampler.attn.$1."],
  [/^resampler\.attn\.out_proj\./, "resampler.attn.out."],
  [/^resampler\.proj$/, "resampler.proj.weight"],
  [/^resampler\.(query|ln_|pos_embed)/, "resampler.$1"],
  [/^vpm\.vit_merger\.layer_norm1\./, "v.vit_merger.ln1."],
  [/^vpm\.vit_merger\.self_attn\.([qkv])_proj\./, "v.vit_merger.attn_$1."],
  [/^vpm\.vit_merger\.self_attn\.out_proj\./, "v.vit_merger.attn_out."],
  [/^vpm\.vit_merger\.pre_norm\./, "v.vit_merger.ds_ln."],
  [/^vpm\.vit_merger\.linear_1\./, "v.vit_merger.ds_ffn_up."],
  [/^vpm\.vit_merger\.linear_2\./, "v.vit_merger.ds_ffn_down."],
  [/^merger\.pre_norm\./, "mm.input_norm."],
  [/^merger\.linear_1\./, "mm.up."],
  [/^merger\.linear_2\./, "mm.down."],
];

const FEED_FORWARD = /^vpm\.encoder\.layers\.(\d+)\.mlp\.fc([12])\./;

/** Names of an mmproj file. Converters before V-4.6 swapped the names of the two feed-forward maps. */
export function ggufVisionNaming({ isSwapped }: { readonly isSwapped: boolean }): WeightNaming {
  const [first, second] = isSwapped ? ["ffn_down", "ffn_up"] : ["ffn_up", "ffn_down"];
  return (name, shape) => {
    const feedForward = FEED_FORWARD.exec(name);
    if (feedForward !== null) {
      const kind = feedForward[2] === "1" ? first : second;
      return { name: name.replace(FEED_FORWARD, `v.blk.${feedForward[1]}.${kind}.`) };
    }
    const renamed = rename(VISION, name);
    if (renamed === undefined) return undefined;
    return name === PATCH_WEIGHT ? { name: renamed, shape: convolutionShape(shape) } : { name: renamed };
  };
}

/** Whether "ffn_up" of a tower leads back to its width, as only a swapped name can. */
export function hasSwappedFeedForward(checkpoint: Checkpoint, width: number): boolean {
  const name = "v.blk.0.ffn_up.weight";
  if (!checkpoint.has(name)) return false;
  const [out, into] = checkpoint.tensor(name).shape;
  return out === width && into !== width;
}
