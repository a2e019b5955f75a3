import { ArgumentError } from "../base/errors.ts";
import type { DecoderConfig, ResamplerConfig, VisionConfig } from "../model/config.ts";
import { type DecoderBody, decoderLayers, EMBEDDING, logits } from "../model/decoder/decoder.ts";
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
  /** Labels per resampler query, of the part of the view that the query stands for; none when absent. */
  readonly cellsPerQuery?: number;
}

/** Auxiliary head of a decoder layer that tells which query holds the next character: where to look, before what to say. */
export interface PlaceHead {
  /** Layer whose rows it reads; not the last. */
  readonly layer: number;
  /** Queries of a view. */
  readonly placeCount: number;
}

export interface TrainingGraphOptions {
  readonly shape: PackShape;
  /** What the loss is made of. */
  readonly parts: "dense" | "text" | "both";
  readonly dense?: DenseHead;
  /** Adds its loss to the text's; none when absent. */
  readonly places?: PlaceHead;
}

/** Weights of the dense heads, kept beside the model's own weights and not shipped. */
export const DENSE_HEAD = "train.dense_head";
export const QUERY_HEAD = "train.query_head";
export const PLACE_HEAD = "train.place_head";

/**
 * Forward pass and losses of a pack: outputs `loss` (what is minimised), `textLoss` and `denseLoss` (summed over weights
 * that the caller has divided by the global count of supervised tokens), and argmax predictions for watching.
 */
export function trainingGraph(model: TrainedModel, { shape, parts, dense, places }: TrainingGraphOptions): Graph {
  return record((ops) => {
    const step = packedPatches(ops, model.vision, shape.patches);
    const features = visionTower(ops, model.vision, step);
    const losses: Tensor<[]>[] = [];
    if (parts !== "text") losses.push(denseLoss(ops, features, patchHead(dense)));
    const readsQueries = parts !== "text" && dense?.cellsPerQuery !== undefined;
    if (parts !== "dense" || readsQueries) {
      const visual = resample(ops, model.resampler, { features, rows: step.rows, viewCapacity: shape.views });
      if (readsQueries) losses.push(denseLoss(ops, visual, queryHead(dense)));
      if (parts !== "dense") losses.push(textLoss(ops, model.decoder, { visual, shape, ...(places && { places }) }));
    }
    ops.output(
      "loss",
      losses.reduce((sum, loss) => ops.add(sum, loss)),
    );
  });
}

/** One of the two dense heads: what its weights and its inputs and outputs are called. */
interface NamedHead {
  readonly weights: string;
  readonly inputs: "dense" | "query";
  readonly classCount: number;
  readonly cellCount: number;
}

function patchHead(dense: DenseHead | undefined): NamedHead {
  if (dense === undefined || dense.cellsPerPatch < 1)
    throw new ArgumentError("The dense loss has no head.", "Give `dense` with its class count and cells per patch.");
  return { weights: DENSE_HEAD, inputs: "dense", classCount: dense.classCount, cellCount: dense.cellsPerPatch };
}

function queryHead({ classCount, cellsPerQuery = 0 }: DenseHead): NamedHead {
  if (cellsPerQuery < 1) throw new ArgumentError("The query head has no cells.", "Give at least one cell per query.");
  return { weights: QUERY_HEAD, inputs: "query", classCount, cellCount: cellsPerQuery };
}

function denseLoss<N extends "P" | "Q", W extends "E" | "D">(
  ops: Ops,
  features: Tensor<[N, W]>,
  { weights, inputs, classCount, cellCount }: NamedHead,
): Tensor<[]> {
  const [rows, into] = features.dims as unknown as readonly [DimOf<N>, DimOf<W>];
  const V = dim("V", classCount);
  const losses = Array.from({ length: cellCount }, (_, cell) => {
    const scores = ops.linear(features, linearWeights(ops, `${weights}.${cell}`, { into, out: V }));
    ops.output(`${inputs}Prediction.${cell}`, ops.argmax(scores));
    const targets = ops.input<[N]>(`${inputs}Targets.${cell}`, "i32", rows);
    return ops.crossEntropy(scores, targets, ops.input<[N]>(`${inputs}Weights.${cell}`, "f32", rows));
  });
  const total = losses.reduce((sum, loss) => ops.add(sum, loss));
  ops.output(`${inputs}Loss`, total);
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
  readonly places?: PlaceHead;
}

function textScores(
  ops: Ops,
  config: DecoderConfig,
  { visual, shape, watch }: PackText & Pick<DecoderBody, "watch">,
): Tensor<["T", "V"]> {
  const T = dim("T", shape.tokens, "tokens");
  const D = dim("D", config.width);
  const table = ops.weight<["V", "D"]>(EMBEDDING, dim("V", config.vocabularySize), D);
  const text = ops.gatherRows(table, ops.input<["T"]>("ids", "i32", T));
  const scaled = config.embeddingScale === 1 ? text : ops.scale(text, config.embeddingScale);
  const at = ops.input<["Q"]>("visualAt", "i32", visual.dims[0] as DimOf<"Q">);
  const x = ops.spliceRows(scaled, visual, at);
  const spans = ops.input<["T", "Y"]>("textSpans", "i32", T, dim("Y", 2));
  const hidden = decoderLayers(ops, config, {
    x,
    T,
    D,
    past: { kind: "none", spans },
    sequences: 1,
    ...(watch && { watch }),
  });
  return logits(ops, config, hidden);
}

function textLoss(ops: Ops, config: DecoderConfig, text: PackText): Tensor<[]> {
  const T = dim("T", text.shape.tokens, "tokens");
  const found: Tensor<[]>[] = [];
  const watch = (layer: number, hidden: Tensor<["T", "D"]>): void => {
    if (layer === text.places?.layer) found.push(placeLoss(ops, hidden, { ...text.places, eps: config.eps }));
  };
  const scores = textScores(ops, config, { ...text, watch });
  if (text.places !== undefined && found.length === 0) {
    const hint = `Choose a layer from 0 to ${config.layerCount - 2}: what the last gives is said, not looked up.`;
    throw new ArgumentError(`The head of places reads layer ${text.places.layer} of ${config.layerCount}.`, hint);
  }
  ops.output("textPrediction", ops.argmax(scores));
  const targets = ops.input<["T"]>("targets", "i32", T);
  const loss = ops.crossEntropy(scores, targets, ops.input<["T"]>("targetWeights", "f32", T));
  ops.output("textLoss", loss);
  return found.reduce((sum, other) => ops.add(sum, other), loss);
}

function placeLoss(
  ops: Ops,
  hidden: Tensor<["T", "D"]>,
  { placeCount, eps }: PlaceHead & Pick<DecoderConfig, "eps">,
): Tensor<[]> {
  const [T, into] = hidden.dims as unknown as readonly [DimOf<"T">, DimOf<"D">];
  const normed = ops.rmsNorm(hidden, ops.weight<["D"]>(`${PLACE_HEAD}.norm.weight`, into), eps);
  const scores = ops.linear(normed, linearWeights(ops, PLACE_HEAD, { into, out: dim("V", placeCount) }));
  ops.output("placePrediction", ops.argmax(scores));
  const targets = ops.input<["T"]>("placeTargets", "i32", T);
  return ops.crossEntropy(scores, targets, ops.input<["T"]>("placeWeights", "f32", T));
}
