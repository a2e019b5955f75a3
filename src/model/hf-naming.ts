import type { WeightNaming, WeightPlace } from "./weight-binding.ts";

const STACK = ["q_proj", "k_proj", "v_proj"];
const RESAMPLER_PART = /^resampler\.attn\.([qkv]_proj)\.(weight|bias)$/;

/**
 * Names of the published safetensors files of V-2.5 to V-4.5. The graph uses the same names, except that the resampler's
 * stacked q, k, v are three weights.
 */
export const hfNaming: WeightNaming = (name, shape): WeightPlace => {
  const part = RESAMPLER_PART.exec(name);
  if (part !== null) {
    return { name: `resampler.attn.in_proj_${part[2]}`, part: { index: STACK.indexOf(part[1]), count: 3 } };
  }
  if (name === "vpm.embeddings.patch_embedding.weight") return { name, shape: convolutionShape(shape) };
  return { name };
};

/** [out, 3·p·p] as a convolution holds it: [out, 3, p, p]. */
export function convolutionShape([out, values]: readonly number[]): readonly number[] {
  const side = Math.sqrt(values / 3);
  return [out, 3, side, side];
}
