import { ArgumentError } from "../base/errors.ts";
import type { DecoderConfig, ResamplerConfig, VisionConfig } from "../model/config.ts";
import { decoderLayers, EMBEDDING, logits } from "../model/decoder/decoder.ts";
import { resample } from "../model/vision/resampler.ts";
import { packedPatches, visionTower } from "../model/vision/vision-tower.ts";
import { linearWeights } from "../nn/weights.ts";
import { type DimOf, dim } from "../tensor/dim.ts";
import type { Graph } from "../tensor/graph.ts";
import type { Ops } from "../tensor/ops.ts";
import { record } from "../tensor/recorder.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** One shape for every pack of a stage; what is not used is padding that nothing attends to. */
export interface PackShape {
  readonly views: number;
  readonly patches: number;
  readonly tokens: number;
}

/** The model under training. */
export interface TrainedModel {
  readonly vision: VisionConfig;
  readonly resampler: ResamplerConfig;
  readonly decoder: DecoderConfig;
}

/** Auxiliary head that reads characters straight off the patches: stage 0a, and a companion of later stages. */
export interface DenseHead {
  /** Classes, class 0 meaning no character. */
  readonly classCount: number;
  /** Labels per patch, side by side. */
  readonly cellsPerPatch: number;
}

export interface TrainingGraphOptions {
  readonly shape: PackShape;
  /** What the loss is made of. */
  readonly parts: "dense" | "text" | "both";
  readonly dense?: DenseHead;
}

/** Weight of the dense head, kept beside the model's own weights and not shipped. */
export const DENSE_HEAD = "train.dense_head";

/**
 * Forward pass and losses of a pack: outputs `loss` (what is minimised), `textLoss` and `denseLoss` (summed over weights
 * that the caller has divided by the global count of supervised tokens), and argmax predictions for watching.
 */
export function trainingGraph(model: TrainedModel, { shape, parts, dense }: TrainingGraphOptions): Graph {
  return record((ops) => {
    const step = packedPatches(ops, model.vision, shape.patches);
    const features = visionTower(ops, model.vision, step);
    const losses: Tensor<[]>[] = [];
    if (parts !== "text") losses.push(denseLoss(ops, features, dense));
    if (parts !== "dense") {
      const visual = resample(ops, model.resampler, { features, rows: step.rows, viewCapacity: shape.views });
      losses.push(textLoss(ops, model.decoder, { visual, shape }));
    }
    ops.output("loss", losses.length === 1 ? losses[0] : ops.add(losses[0], losses[1]));
  });
}

function denseLoss(ops: Ops, features: Tensor<["P", "E"]>, head: DenseHead | undefined): Tensor<[]> {
  if (head === undefined) {
    throw new ArgumentError("The dense loss has no head.", "Give `dense` with its class count.");
  }
  const E = features.dims[1] as DimOf<"E">;
  const P = features.dims[0] as DimOf<"P">;
  const V = dim("V", head.classCount);
  let total: Tensor<[]> | undefined;
  for (let cell = 0; cell < head.cellsPerPatch; cell++) {
    const scores = ops.linear(features, linearWeights(ops, `${DENSE_HEAD}.${cell}`, { into: E, out: V }));
    ops.output(`densePrediction.${cell}`, ops.argmax(scores));
    const targets = ops.input<["P"]>(`denseTargets.${cell}`, "i32", P);
    const loss = ops.crossEntropy(scores, targets, ops.input<["P"]>(`denseWeights.${cell}`, "f32", P));
    total = total === undefined ? loss : ops.add(total, loss);
  }
  if (total === undefined) throw new ArgumentError("The dense head has no cells.", "Give at least one cell per patch.");
  ops.output("denseLoss", total);
  return total;
}

/** Logits of every row of a pack: tower, resampler and decoder, samples kept apart by the spans. */
export function packLogits(ops: Ops, model: TrainedModel, shape: PackShape): Tensor<["T", "V"]> {
  const step = packedPatches(ops, model.vision, shape.patches);
  const features = visionTower(ops, model.vision, step);
  const visual = resample(ops, model.resampler, { features, rows: step.rows, viewCapacity: shape.views });
  return textScores(ops, model.decoder, { visual, shape });
}

interface PackText {
  readonly visual: Tensor<["Q", "D"]>;
  readonly shape: PackShape;
}

function textScores(ops: Ops, config: DecoderConfig, { visual, shape }: PackText): Tensor<["T", "V"]> {
  const T = dim("T", shape.tokens, "tokens");
  const D = dim("D", config.width);
  const table = ops.weight<["V", "D"]>(EMBEDDING, dim("V", config.vocabularySize), D);
  const text = ops.gatherRows(table, ops.input<["T"]>("ids", "i32", T));
  const scaled = config.embeddingScale === 1 ? text : ops.scale(text, config.embeddingScale);
  const at = ops.input<["Q"]>("visualAt", "i32", visual.dims[0] as DimOf<"Q">);
  const x = ops.spliceRows(scaled, visual, at);
  const spans = ops.input<["T", "Y"]>("textSpans", "i32", T, dim("Y", 2));
  const hidden = decoderLayers(ops, config, { x, T, D, past: { kind: "none", spans }, sequences: 1 });
  return logits(ops, config, hidden);
}

function textLoss(ops: Ops, config: DecoderConfig, text: PackText): Tensor<[]> {
  const T = dim("T", text.shape.tokens, "tokens");
  const scores = textScores(ops, config, text);
  ops.output("textPrediction", ops.argmax(scores));
  const targets = ops.input<["T"]>("targets", "i32", T);
  const loss = ops.crossEntropy(scores, targets, ops.input<["T"]>("targetWeights", "f32", T));
  ops.output("textLoss", loss);
  return loss;
}
