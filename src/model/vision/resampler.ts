import { linearWeights, normWeights } from "../../nn/weights.ts";
import { type DimOf, dim } from "../../tensor/dim.ts";
import type { Ops } from "../../tensor/ops.ts";
import type { Linear, Norm, Tensor } from "../../tensor/tensor.ts";
import type { ResamplerConfig } from "../config.ts";

const EPS = 1e-6; // resampler.py of every release
/** Largest grid side that keys can have; views of extreme shape reach 1,124 patches. */
export const KEY_TABLE_SIDE = 1280;

/** Weights of the one-layer perceiver resampler. */
export interface Resampler {
  readonly queries: Tensor<["Q", "D"]>;
  readonly keyValue: Linear<"E", "D">;
  readonly normQueries: Norm<"D">;
  readonly normKeyValue: Norm<"D">;
  readonly normOut: Norm<"D">;
  readonly query: Linear<"D", "D">;
  readonly key: Linear<"D", "D">;
  readonly value: Linear<"D", "D">;
  readonly out: Linear<"D", "D">;
}

/** Declares the resampler's weights. */
export function resamplerWeights(
  ops: Ops,
  { E, D, Q }: { readonly E: DimOf<"E">; readonly D: DimOf<"D">; readonly Q: DimOf<"Q"> },
): Resampler {
  const square = (name: string): Linear<"D", "D"> => linearWeights(ops, `resampler.attn.${name}`, { into: D, out: D });
  return {
    queries: ops.weight<["Q", "D"]>("resampler.query", Q, D),
    keyValue: linearWeights(ops, "resampler.kv_proj", { into: E, out: D, hasBias: false }),
    normQueries: normWeights(ops, "resampler.ln_q", D),
    normKeyValue: normWeights(ops, "resampler.ln_kv", D),
    normOut: normWeights(ops, "resampler.ln_post", D),
    query: square("q_proj"),
    key: square("k_proj"),
    value: square("v_proj"),
    out: square("out_proj"),
  };
}

/** Features of packed views, and which of them each view's tokens come from. */
export interface ResamplerStep {
  readonly features: Tensor<["P", "E"]>;
  readonly rows: DimOf<"P">;
  /** Views of a step at most. */
  readonly viewCapacity: number;
}

/**
 * Compresses each view's patch features into queryCount tokens by cross-attention, positions added to keys alone
 * (paper §3.2; resampler.py). Inputs `keyRows`, `keyColumns` [P], `queryIds` [views · Q] and `querySpans`.
 */
export function resample(ops: Ops, config: ResamplerConfig, step: ResamplerStep): Tensor<["Q", "D"]> {
  const E = step.features.dims[1] as DimOf<"E">;
  const D = dim("D", config.width);
  const w = resamplerWeights(ops, { E, D, Q: dim("Q", config.queryCount) });
  const tokens = dim("Q", config.queryCount * step.viewCapacity, "queries");
  const heads = dim("H", config.headCount);
  const width = dim("C", config.width / config.headCount);

  const kv = ops.layerNorm(ops.linear(step.features, w.keyValue), w.normKeyValue, EPS);
  const keyInput = ops.add(kv, keyPositions(ops, config, { rows: step.rows, D }));
  const k = ops.splitHeads(ops.linear(keyInput, w.key), heads, width);
  const v = ops.splitHeads(ops.linear(kv, w.value), heads, width);
  const shared = ops.linear(queryInput(ops, config, w), w.query);
  const ids = ops.input<["Q"]>("queryIds", "i32", tokens);
  const q = ops.splitHeads(ops.gatherRows(shared, ids), heads, width);
  const spans = ops.input<["Q", "Y"]>("querySpans", "i32", tokens, dim("Y", 2));
  const mixed = ops.mergeHeads(ops.attention(q, k, v, { spans, scale: width.capacity ** -0.5 }), D);
  const normed = ops.layerNorm(ops.linear(mixed, w.out), w.normOut, EPS);
  return ops.tap("resampler", project(ops, config, { normed, D }));
}

function queryInput(ops: Ops, config: ResamplerConfig, w: Resampler): Tensor<["Q", "D"]> {
  const normed = ops.layerNorm(w.queries, w.normQueries, EPS);
  if (!config.hasQueryPositions) return normed;
  const [Q, D] = w.queries.dims as readonly [DimOf<"Q">, DimOf<"D">];
  return ops.add(normed, ops.weight<["Q", "D"]>("resampler.pos_embed", Q, D));
}

/** Half the width says the column, half the row; both come from one 1-D sine-cosine table, gathered per patch. */
function keyPositions(
  ops: Ops,
  config: ResamplerConfig,
  { rows, D }: { readonly rows: DimOf<"P">; readonly D: DimOf<"D"> },
): Tensor<["P", "D"]> {
  if (config.keyPositions === "resized") return ops.input<["P", "D"]>("keyPositions", "f32", rows, D);
  const table = ops.weight<["V", "K"]>(SINE_TABLE, dim("V", KEY_TABLE_SIDE), dim("K", config.width / 2));
  const column = ops.gatherRows(table, ops.input<["P"]>("keyColumns", "i32", rows));
  const row = ops.gatherRows(table, ops.input<["P"]>("keyRows", "i32", rows));
  return ops.joinColumns(column, row, D);
}

function project(
  ops: Ops,
  config: ResamplerConfig,
  { normed, D }: { readonly normed: Tensor<["Q", "D"]>; readonly D: DimOf<"D"> },
): Tensor<["Q", "D"]> {
  // a GGUF file holds proj transposed, so that W·x serves; a safetensors file holds it for x @ proj
  if (config.projection === "plain")
    return ops.linear(normed, { weight: ops.weight<["D", "D"]>("resampler.proj", D, D) });
  return ops.transposedLinear(normed, { transposedWeight: ops.weight<["D", "D"]>("resampler.proj", D, D) });
}

/** Name of the computed weight that holds the sine-cosine table. */
export const SINE_TABLE = "computed.resampler.sine_table";

/** A(t) = [sin(t·ω₀) … | cos(t·ω₀) …], ω_i = 10000^(−i/n), n = halfWidth/2, for t = 0 … side − 1; float32 as released. */
export function sineTable(side: number, halfWidth: number): Float32Array<ArrayBuffer> {
  const n = halfWidth / 2;
  const table = new Float32Array(side * halfWidth);
  for (let i = 0; i < n; i++) {
    const omega = Math.fround(1 / Math.fround(10000 ** Math.fround(i / n)));
    for (let t = 0; t < side; t++) {
      const angle = Math.fround(t * omega);
      table[t * halfWidth + i] = Math.sin(angle);
      table[t * halfWidth + n + i] = Math.cos(angle);
    }
  }
  return table;
}
