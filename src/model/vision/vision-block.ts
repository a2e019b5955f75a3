import { linearWeights, normWeights } from "../../nn/weights.ts";
import type { Axis } from "../../tensor/axis.ts";
import { type DimOf, dim } from "../../tensor/dim.ts";
import type { Ops } from "../../tensor/ops.ts";
import type { Linear, Norm, Tensor } from "../../tensor/tensor.ts";
import type { VisionConfig } from "../config.ts";

/** Weights of bidirectional self-attention over vision features. */
export interface VisionAttention {
  readonly query: Linear<"E", "E">;
  readonly key: Linear<"E", "E">;
  readonly value: Linear<"E", "E">;
  readonly out: Linear<"E", "E">;
}

/** Weights of one pre-norm vision transformer block. */
export interface VisionBlock {
  readonly norm1: Norm<"E">;
  readonly attention: VisionAttention;
  readonly norm2: Norm<"E">;
  readonly up: Linear<"E", "F">;
  readonly down: Linear<"F", "E">;
}

/** Dims that every layer of a tower shares. */
export interface VisionDims {
  readonly E: DimOf<"E">;
  readonly F: DimOf<"F">;
  readonly H: DimOf<"H">;
  readonly C: DimOf<"C">;
  readonly eps: number;
  readonly activation: VisionConfig["activation"];
}

/** Dims and constants of a tower. */
export function visionDims(config: VisionConfig): VisionDims {
  return {
    E: dim("E", config.width),
    F: dim("F", config.feedForward),
    H: dim("H", config.headCount),
    C: dim("C", config.width / config.headCount),
    eps: config.eps,
    activation: config.activation,
  };
}

export function visionAttentionWeights(ops: Ops, name: string, { E }: VisionDims): VisionAttention {
  const square = (part: string): Linear<"E", "E"> => linearWeights(ops, `${name}.${part}`, { into: E, out: E });
  return { query: square("q_proj"), key: square("k_proj"), value: square("v_proj"), out: square("out_proj") };
}

export function visionBlockWeights(ops: Ops, name: string, dims: VisionDims): VisionBlock {
  return {
    norm1: normWeights(ops, `${name}.layer_norm1`, dims.E),
    attention: visionAttentionWeights(ops, `${name}.self_attn`, dims),
    norm2: normWeights(ops, `${name}.layer_norm2`, dims.E),
    up: linearWeights(ops, `${name}.mlp.fc1`, { into: dims.E, out: dims.F }),
    down: linearWeights(ops, `${name}.mlp.fc2`, { into: dims.F, out: dims.E }),
  };
}

/** Multi-head attention of rows within their spans; scale C^-½ (SigLIP, arXiv 2303.15343). */
export function visionAttention<N extends Axis>(
  ops: Ops,
  w: VisionAttention,
  x: Tensor<[N, "E"]>,
  { spans, dims }: { readonly spans: Tensor<[NoInfer<N>, "Y"]>; readonly dims: VisionDims },
): Tensor<[N, "E"]> {
  const q = ops.splitHeads(ops.linear(x, w.query), dims.H, dims.C);
  const k = ops.splitHeads(ops.linear(x, w.key), dims.H, dims.C);
  const v = ops.splitHeads(ops.linear(x, w.value), dims.H, dims.C);
  const mixed = ops.attention(q, k, v, { spans, scale: dims.C.capacity ** -0.5 });
  return ops.linear(ops.mergeHeads(mixed, dims.E), w.out);
}

/** x + Attention(LN(x)), then x + MLP(LN(x)). */
export function visionBlock<N extends Axis>(
  ops: Ops,
  w: VisionBlock,
  x: Tensor<[N, "E"]>,
  { spans, dims }: { readonly spans: Tensor<[NoInfer<N>, "Y"]>; readonly dims: VisionDims },
): Tensor<[N, "E"]> {
  const mixed = ops.add(x, visionAttention(ops, w.attention, ops.layerNorm(x, w.norm1, dims.eps), { spans, dims }));
  const up = ops.linear(ops.layerNorm(mixed, w.norm2, dims.eps), w.up);
  const hidden = dims.activation === "erf" ? ops.geluErf(up) : ops.gelu(up);
  return ops.add(mixed, ops.linear(hidden, w.down));
}
