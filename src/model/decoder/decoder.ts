import { gatedMlp } from "../../nn/gated-mlp.ts";
import type { CacheType, Past } from "../../nn/kv-cache.ts";
import { linearWeights } from "../../nn/weights.ts";
import { type DimOf, dim } from "../../tensor/dim.ts";
import type { Graph } from "../../tensor/graph.ts";
import type { Ops } from "../../tensor/ops.ts";
import { record } from "../../tensor/recorder.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { DecoderConfig } from "../config.ts";
import { attentionLayer, type DecoderStep } from "./attention-layer.ts";
import { deltaNetLayer } from "./delta-net-layer.ts";

/** Capacities of a decoder graph: how many rows a step may bring, and how large its cache is. */
export interface DecoderCapacity {
  /** Text rows of one step. */
  readonly tokens: number;
  /** Rows whose logits are wanted. */
  readonly selected: number;
  readonly sequences: number;
  /** Pages of one sequence at most. */
  readonly pagesPerSequence: number;
  readonly pageSize: number;
  /** Slots of the whole cache. */
  readonly slotCount: number;
  readonly cacheType: CacheType;
}

/**
 * Prefill and decode alike: embeds `ids`, lays visual rows over their placeholders, runs every layer over the paged
 * cache, and gives `logits` [selected, V]. Extents: tokens, visual (at most tokens), selected.
 */
export function decoderGraph(config: DecoderConfig, capacity: DecoderCapacity): Graph {
  return record((ops) => {
    const T = dim("T", capacity.tokens, "tokens");
    const D = dim("D", config.width);
    const past: Past = {
      kind: "cache",
      place: {
        slots: ops.input<["T"]>("slots", "i32", T),
        rows: ops.input<["T", "Y"]>("rows", "i32", T, dim("Y", 2)),
        table: ops.input<["B", "S"]>("table", "i32", dim("B", capacity.sequences), dim("S", capacity.pagesPerSequence)),
        pageSize: capacity.pageSize,
        slotCount: capacity.slotCount,
        type: capacity.cacheType,
      },
    };
    const x = embedInputs(ops, config, { T, D });
    const select = ops.input<["S"]>("select", "i32", dim("S", capacity.selected, "selected"));
    const hidden = selectedRows(ops, config, { x, T, D, past, sequences: capacity.sequences, select });
    ops.output("logits", logits(ops, config, hidden));
  });
}

/** Inputs of the decoder's first layer. */
export interface DecoderRows {
  readonly T: DimOf<"T">;
  readonly D: DimOf<"D">;
}

/** Text embeddings with visual rows spliced over their placeholders (spec: splicing, all versions). */
export function embedInputs(ops: Ops, config: DecoderConfig, { T, D }: DecoderRows): Tensor<["T", "D"]> {
  const table = ops.weight<["V", "D"]>(EMBEDDING, dim("V", config.vocabularySize), D);
  const text = ops.gatherRows(table, ops.input<["T"]>("ids", "i32", T));
  // MiniCPM scales text alone; visual rows are written as they are
  const scaled = config.embeddingScale === 1 ? text : ops.scale(text, config.embeddingScale);
  const R = dim("R", T.capacity, "visual");
  const rows = ops.input<["R", "D"]>("visual", "f32", R, D);
  return ops.tap("decoder.embeddings", ops.spliceRows(scaled, rows, ops.input<["R"]>("visualAt", "i32", R)));
}

/** A decoder's rows and what they attend to. */
export interface DecoderBody extends DecoderRows {
  readonly x: Tensor<["T", "D"]>;
  readonly past: Past;
  readonly sequences: number;
  /** Is shown every row after each layer but the last. */
  readonly watch?: (layer: number, hidden: Tensor<["T", "D"]>) => void;
}

/** Every row after every layer: x += mixer(RMS(x)); x += mlp(RMS(x)). */
export function decoderLayers(ops: Ops, config: DecoderConfig, body: DecoderBody): Tensor<["T", "D"]> {
  const last = config.layerCount - 1;
  return feedForward(ops, config, { layer: last, x: mixedRows(ops, config, body), D: body.D });
}

/** The wanted rows after every layer. Nothing follows the last mixer but sums of single rows, so only they take its feed-forward. */
function selectedRows(
  ops: Ops,
  config: DecoderConfig,
  { select, ...body }: DecoderBody & { readonly select: Tensor<["S"]> },
): Tensor<["S", "D"]> {
  const x = ops.gatherRows(mixedRows(ops, config, body), select);
  return feedForward(ops, config, { layer: config.layerCount - 1, x, D: body.D });
}

/** Every row as it is before the feed-forward of the last layer. */
function mixedRows(
  ops: Ops,
  config: DecoderConfig,
  { x, T, D, past, sequences, watch }: DecoderBody,
): Tensor<["T", "D"]> {
  const step: DecoderStep = {
    config,
    D,
    past,
    positions: ops.input<["T"]>("textPositions", "i32", T),
    sequence: () => ops.input<["T"]>("sequence", "i32", T),
  };
  let hidden = x;
  for (let i = 0; i < config.layerCount; i++) {
    if (i > 0) {
      hidden = feedForward(ops, config, { layer: i - 1, x: hidden, D });
      watch?.(i - 1, hidden);
    }
    const { hybrid } = config;
    const normed = norm(ops, config, { name: `llm.model.layers.${i}.input_layernorm`, x: hidden, D });
    const mixed =
      hybrid === undefined || (i + 1) % hybrid.fullAttentionInterval === 0
        ? attentionLayer(ops, i, normed, step)
        : deltaNetLayer(ops, i, normed, { step, hybrid, sequenceCapacity: sequences });
    hidden = ops.add(hidden, branch(ops, config, ops.tap(`decoder.${i}.mixer`, mixed)));
  }
  return hidden;
}

interface LayerRows<N extends "S" | "T"> {
  readonly layer: number;
  readonly x: Tensor<[N, "D"]>;
  readonly D: DimOf<"D">;
}

function feedForward<N extends "S" | "T">(
  ops: Ops,
  config: DecoderConfig,
  { layer, x, D }: LayerRows<N>,
): Tensor<[N, "D"]> {
  const name = `llm.model.layers.${layer}`;
  const F = dim("F", config.feedForward);
  const mlp = {
    gate: linearWeights(ops, `${name}.mlp.gate_proj`, { into: D, out: F, hasBias: false }),
    up: linearWeights(ops, `${name}.mlp.up_proj`, { into: D, out: F, hasBias: false }),
    down: linearWeights(ops, `${name}.mlp.down_proj`, { into: F, out: D, hasBias: false }),
  };
  const fed = gatedMlp(ops, mlp, norm(ops, config, { name: `${name}.post_attention_layernorm`, x, D }));
  return ops.tap(`decoder.${layer}`, ops.add(x, branch(ops, config, fed)));
}

/** Scaled where the family says so. */
function branch<N extends "S" | "T">(ops: Ops, config: DecoderConfig, y: Tensor<[N, "D"]>): Tensor<[N, "D"]> {
  return config.residualScale === 1 ? y : ops.scale(y, config.residualScale);
}

function norm<N extends "S" | "T">(
  ops: Ops,
  config: DecoderConfig,
  { name, x, D }: Omit<LayerRows<N>, "layer"> & { readonly name: string },
): Tensor<[N, "D"]> {
  return ops.rmsNorm(x, ops.weight<["D"]>(`${name}.weight`, D), config.eps);
}

/** Final norm and language-model head of the given rows. */
export function logits<N extends "S" | "T">(ops: Ops, config: DecoderConfig, x: Tensor<[N, "D"]>): Tensor<[N, "V"]> {
  const D = dim("D", config.width);
  const V = dim("V", config.vocabularySize);
  const normed = ops.tap("decoder.norm", ops.rmsNorm(x, ops.weight<["D"]>("llm.model.norm.weight", D), config.eps));
  const scaled = config.logitDivisor === 1 ? normed : ops.scale(normed, 1 / config.logitDivisor);
  const head = ops.weight<["V", "D"]>(config.isTied ? EMBEDDING : HEAD, V, D);
  return ops.linear(scaled, { weight: head });
}

/** Weight names that the loader treats apart. */
export const EMBEDDING = "llm.model.embed_tokens.weight";
export const HEAD = "llm.lm_head.weight";
