import { linearWeights, normWeights } from "../../nn/weights.ts";
import { type DimOf, dim } from "../../tensor/dim.ts";
import type { Ops } from "../../tensor/ops.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { MergerConfig, VisionConfig } from "../config.ts";
import { visionAttention, visionAttentionWeights } from "./vision-block.ts";
import { embedPatches, type PackedPatches, postNorm, visionBlocks } from "./vision-tower.ts";

/** Tokens of one 2×2 window. */
export const WINDOW = 4;

/**
 * V-4.6's tower with early compression (LLaVA-UHD v4): blocks 0 … insertLayer at full resolution, window merger, the
 * other blocks on a quarter of the rows, final merger. In 4x mode the window merger is skipped. Same weights in both.
 */
export function mergedTower(
  ops: Ops,
  { vision, merger }: { readonly vision: VisionConfig; readonly merger: MergerConfig },
  step: PackedPatches,
): Tensor<["Q", "D"]> {
  const { dims, spans, rows } = step;
  const embedded = ops.tap("vision.embeddings", embedPatches(ops, vision, step));
  const begin = merger.insertLayer + 1;
  const early = visionBlocks(ops, embedded, { begin: 0, end: begin, spans, dims });
  if (merger.mode === "4x") {
    const features = postNorm(ops, visionBlocks(ops, early, { begin, end: vision.layerCount, spans, dims }), dims);
    const order = ops.input<["P"]>("finalOrder", "i32", rows);
    return finalMerger(ops, merger, { ordered: ops.gatherRows(features, order), rowCapacity: rows.capacity });
  }
  const windows = dim("W", rows.capacity / WINDOW, "windows");
  const reduced = ops.tap("vision.merger", windowMerger(ops, merger, { step, features: early, windows }));
  const windowSpans = ops.input<["W", "Y"]>("mergedSpans", "i32", windows, dim("Y", 2));
  const late = visionBlocks(ops, reduced, { begin, end: vision.layerCount, spans: windowSpans, dims });
  const order = ops.input<["W"]>("finalOrder", "i32", windows);
  const ordered = ops.gatherRows(postNorm(ops, late, dims), order);
  return finalMerger(ops, merger, { ordered, rowCapacity: windows.capacity });
}

interface WindowStep {
  readonly step: PackedPatches;
  readonly features: Tensor<["P", "E"]>;
  readonly windows: DimOf<"W">;
}

/** 2×2 window attention, then a folded MLP with the window's mean as residual. Leaves rows in raster order of windows. */
function windowMerger(ops: Ops, config: MergerConfig, { step, features, windows }: WindowStep): Tensor<["W", "E"]> {
  const { dims, rows } = step;
  const name = "vpm.vit_merger";
  const x = ops.gatherRows(features, ops.input<["P"]>("windowOrder", "i32", rows));
  const spans = ops.input<["P", "Y"]>("windowSpans", "i32", rows, dim("Y", 2));
  const normed = ops.layerNorm(x, normWeights(ops, `${name}.layer_norm1`, dims.E), dims.eps);
  const attention = visionAttentionWeights(ops, `${name}.self_attn`, dims);
  const attended = ops.add(x, visionAttention(ops, attention, normed, { spans, dims }));

  const joined = dim("M", WINDOW * dims.E.capacity);
  const hidden = dim("F", config.windowFeedForward);
  const folded = ops.foldRows(attended, windows, joined);
  const z = ops.layerNorm(folded, normWeights(ops, `${name}.pre_norm`, joined), dims.eps);
  const up = ops.gelu(ops.linear(z, linearWeights(ops, `${name}.linear_1`, { into: joined, out: hidden })));
  const down = ops.linear(up, linearWeights(ops, `${name}.linear_2`, { into: hidden, out: dims.E }));
  return ops.add(down, ops.meanRows(attended, windows, WINDOW));
}

/** 2×2 groups side by side → LN → linear → erf GELU → linear to the language model's width; no residual. */
function finalMerger<N extends "P" | "W">(
  ops: Ops,
  config: MergerConfig,
  { ordered, rowCapacity }: { readonly ordered: Tensor<[N, "E"]>; readonly rowCapacity: number },
): Tensor<["Q", "D"]> {
  const tokens = dim("Q", rowCapacity / WINDOW, "queries");
  const joined = dim("M", WINDOW * ordered.dims[1].capacity);
  const hidden = dim("F", joined.capacity);
  const folded = ops.foldRows(ordered, tokens, joined);
  const normed = ops.layerNorm(folded, normWeights(ops, "merger.pre_norm", joined), 1e-6);
  const up = ops.geluErf(ops.linear(normed, linearWeights(ops, "merger.linear_1", { into: joined, out: hidden })));
  const out = dim("D", config.width);
  return ops.tap("resampler", ops.linear(up, linearWeights(ops, "merger.linear_2", { into: hidden, out })));
}
