import { linearWeights, normWeights } from "../../nn/weights.ts";
import { type DimOf, dim } from "../../tensor/dim.ts";
import type { Ops } from "../../tensor/ops.ts";
import type { Linear, Norm, Tensor } from "../../tensor/tensor.ts";
import type { ResamplerConfig } from "../config.ts";
import type { ComputedWeights } from "../weight-binding.ts";

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
  const placed = ops.add(kv, keyPositions(ops, config, { rows: step.rows, D }));
  const keyInput = config.hasTime ? ops.add(placed, timeRows(ops, step, D)) : placed;
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
  return ops.add(normed, ops.weight<["Q", "D"]>(QUERY_POSITIONS, Q, D));
}

/** Half the width says the column, half the row; both come from one 1-D sine-cosine table, gathered per patch. */
function keyPositions(
  ops: Ops,
  config: ResamplerConfig,
  { rows, D }: { readonly rows: DimOf<"P">; readonly D: DimOf<"D"> },
): Tensor<["P", "D"]> {
  if (config.keyPositions === "resized") {
    const Q = dim("Q", config.queryCount);
    const shares = ops.input<["P", "Q"]>("keyShares", "f32", rows, Q);
    return ops.transposedLinear(shares, { transposedWeight: ops.weight<["Q", "D"]>(QUERY_POSITIONS, Q, D) });
  }
  const table = ops.weight<["V", "K"]>(SINE_TABLE, dim("V", KEY_TABLE_SIDE), dim("K", config.width / 2));
  const column = ops.gatherRows(table, ops.input<["P"]>("keyColumns", "i32", rows));
  const row = ops.gatherRows(table, ops.input<["P"]>("keyRows", "i32", rows));
  return ops.joinColumns(column, row, D);
}

/** The frame's time, the same for all its patches; zero for a picture. Inputs `times` [views, D] and `viewOf` [P]. */
function timeRows(ops: Ops, { rows, viewCapacity }: ResamplerStep, D: DimOf<"D">): Tensor<["P", "D"]> {
  const times = ops.input<["S", "D"]>("times", "f32", dim("S", viewCapacity, "views"), D);
  return ops.gatherRows(times, ops.input<["P"]>("viewOf", "i32", rows));
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

/** The stored 8×8 table of V-1.0 and V-2.0. */
const QUERY_POSITIONS = "resampler.pos_embed";

/** Name of the computed weight that holds the sine-cosine table. */
const SINE_TABLE = "computed.resampler.sine_table";

/** The table that every resampler with fresh key positions computes instead of reading it: rows A(0), A(1) … */
export const computedSineTable: ComputedWeights = (name) => (name === SINE_TABLE ? sineRows : undefined);

function sineRows(begin: number, end: number, width: number): Float32Array<ArrayBuffer> {
  const rows = new Float32Array((end - begin) * width);
  for (let t = begin; t < end; t++) rows.set(sineRow(t, width), (t - begin) * width);
  return rows;
}

/** A(t) = [sin(t·ω₀) … | cos(t·ω₀) …], ω_i = 10000^(−i/n), n = width/2; in float32 steps as released. */
export function sineRow(t: number, width: number): Float32Array<ArrayBuffer> {
  const n = width / 2;
  const row = new Float32Array(width);
  for (let i = 0; i < n; i++) {
    const omega = Math.fround(1 / Math.fround(10000 ** Math.fround(i / n)));
    const angle = Math.fround(t * omega);
    row[i] = Math.sin(angle);
    row[n + i] = Math.cos(angle);
  }
  return row;
}
