import { attendCausally, type Past } from "../../nn/kv-cache.ts";
import { linearWeights } from "../../nn/weights.ts";
import { type DimOf, dim } from "../../tensor/dim.ts";
import type { Ops } from "../../tensor/ops.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { DecoderConfig } from "../config.ts";

/** What every decoder layer of a step reads besides its input. */
export interface DecoderStep {
  readonly config: DecoderConfig;
  readonly D: DimOf<"D">;
  readonly positions: Tensor<["T"]>;
  readonly past: Past;
  /** Which sequence each row belongs to, for recurrent layers. */
  readonly sequence: () => Tensor<["T"]>;
}

interface Heads {
  readonly H: DimOf<"H">;
  readonly G: DimOf<"G">;
  readonly C: DimOf<"C">;
}

/**
 * Causal grouped-query attention with rotary positions: Llama, Qwen2 (bias), Qwen3 (per-head RMS norm) and, with an
 * output gate, the full-attention layers of Qwen3.5.
 */
export function attentionLayer(ops: Ops, layer: number, x: Tensor<["T", "D"]>, step: DecoderStep): Tensor<["T", "D"]> {
  const { config, D } = step;
  const name = `llm.model.layers.${layer}.self_attn`;
  const heads: Heads = { H: dim("H", config.headCount), G: dim("G", config.groupCount), C: dim("C", config.headWidth) };
  const A = dim("A", config.headCount * config.headWidth);
  const K = dim("K", config.groupCount * config.headWidth);
  const hasBias = config.hasAttentionBias;
  const { q, gate } = queryHeads(ops, x, { name, step, heads });
  const k = ops.splitHeads(
    ops.linear(x, linearWeights(ops, `${name}.k_proj`, { into: D, out: K, hasBias })),
    heads.G,
    heads.C,
  );
  const v = ops.splitHeads(
    ops.linear(x, linearWeights(ops, `${name}.v_proj`, { into: D, out: K, hasBias })),
    heads.G,
    heads.C,
  );
  const { inverseFrequencies, rotaryPairing: pairing } = config;
  const rotate = <Head extends "H" | "G">(rows: Tensor<[Head, "T", "C"]>, norm: string): Tensor<[Head, "T", "C"]> => {
    const normed = config.hasHeadNorm
      ? ops.rmsNorm(rows, ops.weight<["C"]>(`${name}.${norm}.weight`, heads.C), config.eps)
      : rows;
    return ops.rotary(normed, step.positions, { inverseFrequencies, pairing });
  };
  const mixed = attendCausally(
    ops,
    { q: rotate(q, "q_norm"), k: rotate(k, "k_norm"), v, groups: heads.G, width: heads.C, layer },
    step.past,
  );
  const gated = gate === undefined ? mixed : ops.multiply(mixed, ops.sigmoid(gate));
  return ops.linear(
    ops.mergeHeads(gated, A),
    linearWeights(ops, `${name}.o_proj`, { into: A, out: D, hasBias: false }),
  );
}

/** In Qwen3.5 each head's rows of q_proj are its query, then its gate. */
function queryHeads(
  ops: Ops,
  x: Tensor<["T", "D"]>,
  { name, step, heads }: { readonly name: string; readonly step: DecoderStep; readonly heads: Heads },
): { readonly q: Tensor<["H", "T", "C"]>; readonly gate: Tensor<["H", "T", "C"]> | undefined } {
  const { config, D } = step;
  const width = config.headCount * config.headWidth;
  const hasBias = config.hasAttentionBias;
  if (config.hybrid === undefined) {
    const A = dim("A", width);
    const flat = ops.linear(x, linearWeights(ops, `${name}.q_proj`, { into: D, out: A, hasBias }));
    return { q: ops.splitHeads(flat, heads.H, heads.C), gate: undefined };
  }
  const both = ops.linear(x, linearWeights(ops, `${name}.q_proj`, { into: D, out: dim("A", 2 * width), hasBias }));
  const [q, gate] = ops.splitColumns(ops.splitHeads(both, heads.H, dim("M", 2 * config.headWidth)), [heads.C, heads.C]);
  return { q, gate };
}
