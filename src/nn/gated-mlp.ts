import type { Axis } from "../tensor/axis.ts";
import type { Ops } from "../tensor/ops.ts";
import type { Linear, Tensor } from "../tensor/tensor.ts";

/** Weights of a SwiGLU feed-forward block (arXiv 2002.05202). */
export interface GatedMlp {
  readonly gate: Linear<"D", "F">;
  readonly up: Linear<"D", "F">;
  readonly down: Linear<"F", "D">;
}

/** W_down(silu(W_gate x) ⊙ W_up x). */
export function gatedMlp<N extends Axis>(ops: Ops, w: GatedMlp, x: Tensor<[N, "D"]>): Tensor<[N, "D"]> {
  return ops.linear(ops.multiply(ops.silu(ops.linear(x, w.gate)), ops.linear(x, w.up)), w.down);
}
