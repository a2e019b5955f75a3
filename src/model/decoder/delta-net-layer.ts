import { linearWeights } from "../../nn/weights.ts";
import { dim } from "../../tensor/dim.ts";
import type { Ops } from "../../tensor/ops.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { HybridConfig } from "../config.ts";
import type { DecoderStep } from "./attention-layer.ts";

const EPS = 1e-6; // modeling_qwen3_5: l2norm and the gated norm

/** Gated delta net of Qwen3.5 (V-4.6). States `conv.<layer>` and `delta.<layer>` are kept per sequence. */
export function deltaNetLayer(
  ops: Ops,
  layer: number,
  x: Tensor<["T", "D"]>,
  {
    step,
    hybrid,
    sequenceCapacity,
  }: { readonly step: DecoderStep; readonly hybrid: HybridConfig; readonly sequenceCapacity: number },
): Tensor<["T", "D"]> {
  const { D } = step;
  const name = `llm.model.layers.${layer}.linear_attn`;
  const B = dim("B", sequenceCapacity);
  const H = dim("H", hybrid.headCount);
  const C = dim("C", hybrid.keyWidth);
  const N = dim("N", hybrid.valueWidth);
  const K = dim("K", hybrid.headCount * hybrid.keyWidth);
  const A = dim("A", hybrid.headCount * hybrid.valueWidth);
  const X = dim("X", 2 * K.capacity + A.capacity);
  const sequence = step.sequence();

  const mixed = ops.linear(x, linearWeights(ops, `${name}.in_proj_qkv`, { into: D, out: X, hasBias: false }));
  const kernel = ops.weight<["X", "J"]>(`${name}.conv1d.weight`, X, dim("J", hybrid.convolutionTaps));
  const history = ops.state<["B", "X", "J"]>(`conv.${layer}`, "f32", B, X, dim("J", hybrid.convolutionTaps - 1));
  const convolved = ops.causalConv(mixed, kernel, history, sequence);
  ops.update(`conv.${layer}`, convolved.state);
  const [flatQ, flatK, flatV] = ops.splitThree(ops.silu(convolved.output), [K, K, A]);

  const q = ops.scale(ops.l2Norm(ops.splitHeads(flatQ, H, C), EPS), hybrid.keyWidth ** -0.5);
  const k = ops.l2Norm(ops.splitHeads(flatK, H, C), EPS);
  const beta = ops.sigmoid(ops.linear(x, linearWeights(ops, `${name}.in_proj_b`, { into: D, out: H, hasBias: false })));
  const a = ops.linear(x, linearWeights(ops, `${name}.in_proj_a`, { into: D, out: H, hasBias: false }));
  const rate = ops.softplus(ops.addRow(a, ops.weight<["H"]>(`${name}.dt_bias`, H)));
  // held as −exp(A_log), the form that GGUF stores
  const decay = ops.multiplyRow(rate, ops.weight<["H"]>(`${name}.decay`, H));
  const state = ops.state<["B", "H", "C", "N"]>(`delta.${layer}`, "f32", B, H, C, N);
  const recurrent = ops.deltaNet({ q, k, v: ops.splitHeads(flatV, H, N), decay, beta, state, sequence });
  ops.update(`delta.${layer}`, recurrent.state);

  const z = ops.linear(x, linearWeights(ops, `${name}.in_proj_z`, { into: D, out: A, hasBias: false }));
  const normed = ops.rmsNorm(recurrent.output, ops.weight<["N"]>(`${name}.norm.weight`, N), EPS);
  const gated = ops.multiply(normed, ops.silu(ops.splitHeads(z, H, N)));
  return ops.linear(
    ops.mergeHeads(gated, A),
    linearWeights(ops, `${name}.out_proj`, { into: A, out: D, hasBias: false }),
  );
}
