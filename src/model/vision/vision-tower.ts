import { linearWeights, normWeights } from "../../nn/weights.ts";
import { type DimOf, dim } from "../../tensor/dim.ts";
import type { Ops } from "../../tensor/ops.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { VisionConfig } from "../config.ts";
import { type VisionDims, visionBlock, visionBlockWeights, visionDims } from "./vision-block.ts";

/** Patches of the views of one step, packed one after another. */
export interface PackedPatches {
  readonly rows: DimOf<"P">;
  readonly dims: VisionDims;
  /** [P, I]: each patch's pixels, channel-major. */
  readonly patches: Tensor<["P", "I"]>;
  /** First and end row of each row's view. */
  readonly spans: Tensor<["P", "Y"]>;
}

/** Declares the inputs that every tower reads: `patches` and `spans`, over the run-time extent "patches". */
export function packedPatches(ops: Ops, config: VisionConfig, capacity: number): PackedPatches {
  const rows = dim("P", capacity, "patches");
  const values = dim("I", 3 * config.patchSize ** 2);
  return {
    rows,
    dims: visionDims(config),
    patches: ops.input<["P", "I"]>("patches", "f32", rows, values),
    spans: ops.input<["P", "Y"]>("spans", "i32", rows, dim("Y", 2)),
  };
}

/** Patch embedding and positions: Conv2d with stride = kernel is a linear map of each patch. */
export function embedPatches(ops: Ops, config: VisionConfig, step: PackedPatches): Tensor<["P", "E"]> {
  const { rows, dims, patches } = step;
  const into = patches.dims[1] as DimOf<"I">;
  const embedded = ops.linear(patches, linearWeights(ops, "vpm.embeddings.patch_embedding", { into, out: dims.E }));
  return ops.add(ops.tap("vision.patches", embedded), positionRows(ops, config, { rows, dims }));
}

function positionRows(ops: Ops, config: VisionConfig, { rows, dims }: Pick<PackedPatches, "rows" | "dims">) {
  const side = dim("V", config.tableSide ** 2);
  const table = ops.weight<["V", "E"]>("vpm.embeddings.position_embedding.weight", side, dims.E);
  if (config.positions !== "resized") return ops.gatherRows(table, ops.input<["P"]>("positions", "i32", rows));
  // resizing is linear: each patch says how much of every table row it takes
  const shares = ops.input<["P", "V"]>("positionShares", "f32", rows, side);
  return ops.transposedLinear(shares, { transposedWeight: table });
}

/** Runs blocks [begin, end) of the tower. */
export function visionBlocks<N extends "P" | "W">(
  ops: Ops,
  x: Tensor<[N, "E"]>,
  range: {
    readonly begin: number;
    readonly end: number;
    readonly spans: Tensor<[NoInfer<N>, "Y"]>;
    readonly dims: VisionDims;
  },
): Tensor<[N, "E"]> {
  let features = x;
  for (let i = range.begin; i < range.end; i++) {
    const weights = visionBlockWeights(ops, `vpm.encoder.layers.${i}`, range.dims);
    features = ops.tap(`vision.${i}`, visionBlock(ops, weights, features, range));
  }
  return features;
}

/** Final layer norm of the tower. */
export function postNorm<N extends "P" | "W">(ops: Ops, x: Tensor<[N, "E"]>, dims: VisionDims): Tensor<[N, "E"]> {
  return ops.tap("vision.norm", ops.layerNorm(x, normWeights(ops, "vpm.post_layernorm", dims.E), dims.eps));
}

/** The whole tower: patch embedding, all blocks, final norm. SigLIP SO400M/14 (arXiv 2303.15343). */
export function visionTower(ops: Ops, config: VisionConfig, step: PackedPatches): Tensor<["P", "E"]> {
  const embedded = ops.tap("vision.embeddings", embedPatches(ops, config, step));
  const { spans, dims } = step;
  return postNorm(ops, visionBlocks(ops, embedded, { begin: 0, end: config.layerCount, spans, dims }), dims);
}
