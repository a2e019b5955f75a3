import { ArgumentError } from "../base/errors.ts";
import { dim } from "../tensor/dim.ts";
import type { Graph } from "../tensor/graph.ts";
import type { Ops } from "../tensor/ops.ts";
import { record } from "../tensor/recorder.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { dpoLoss, sequenceLogProbability } from "./losses.ts";
import { type EncodedSample, packInputs } from "./pack-inputs.ts";
import type { PackInputs } from "./trainer.ts";
import { type PackShape, packLogits, type TrainedModel } from "./training-graph.ts";

/** What preference training minimises. */
export interface PreferenceOptions {
  readonly shape: PackShape;
  /** Pairs that a pack holds at most. */
  readonly pairs: number;
  /** Strength of the pull to the reference; 0.1 in RLAIF-V. */
  readonly beta: number;
  /** Weight of −log p of the better answer beside the preference; 0 in RLAIF-V. */
  readonly sftWeight?: number;
}

/**
 * DPO over packed pairs: outputs `loss`, and the log-probabilities `chosen` and `rejected` [pairs] of each pair's answers. The
 * reference model is not in the graph: its log-probabilities are inputs, computed once.
 */
export function preferenceGraph(model: TrainedModel, { shape, pairs, beta, sftWeight = 0 }: PreferenceOptions): Graph {
  return record((ops) => {
    const { chosen, rejected } = answers(ops, model, { shape, pairs });
    const B = dim("B", pairs);
    const given = (name: string): Tensor<["B"]> => ops.input<["B"]>(name, "f32", B);
    const references = { referenceChosen: given("referenceChosen"), referenceRejected: given("referenceRejected") };
    const losses = dpoLoss(ops, { chosen, rejected, ...references }, beta);
    const weights = given("pairWeights");
    const preference = ops.sumAll(ops.multiply(losses, weights));
    const loss =
      sftWeight === 0
        ? preference
        : ops.subtract(preference, ops.scale(ops.sumAll(ops.multiply(chosen, weights)), sftWeight));
    ops.output("loss", loss);
  });
}

/** The forward pass alone, for log-probabilities under a frozen model: outputs `chosen` and `rejected` [pairs]. */
export function answerGraph(model: TrainedModel, { shape, pairs }: Pick<PreferenceOptions, "shape" | "pairs">): Graph {
  return record((ops) => {
    answers(ops, model, { shape, pairs });
  });
}

function answers(
  ops: Ops,
  model: TrainedModel,
  { shape, pairs }: Pick<PreferenceOptions, "shape" | "pairs">,
): { readonly chosen: Tensor<["B"]>; readonly rejected: Tensor<["B"]> } {
  const scores = packLogits(ops, model, shape);
  const T = dim("T", shape.tokens, "tokens");
  const rows = {
    logits: scores,
    targets: ops.input<["T"]>("targets", "i32", T),
    // 1 at the rows that foretell an answer's tokens
    mask: ops.input<["T"]>("targetWeights", "f32", T),
  };
  const spans = (name: string): Tensor<["B", "Y"]> => ops.input<["B", "Y"]>(name, "i32", dim("B", pairs), dim("Y", 2));
  const chosen = sequenceLogProbability(ops, rows, spans("chosenSpans"));
  const rejected = sequenceLogProbability(ops, rows, spans("rejectedSpans"));
  ops.output("chosen", chosen);
  ops.output("rejected", rejected);
  return { chosen, rejected };
}

/** A better and a worse answer to one question, as the model reads them. */
export interface EncodedPair {
  readonly chosen: EncodedSample;
  readonly rejected: EncodedSample;
}

/** A pair with its log-probabilities under the reference. */
export interface ReferencedPair extends EncodedPair {
  readonly referenceChosen: number;
  readonly referenceRejected: number;
}

export interface PreferenceInputsOptions {
  readonly model: TrainedModel;
  readonly shape: PackShape;
  readonly pairs: number;
  /** 1 ÷ the pairs of all packs of the optimiser step. */
  readonly pairScale: number;
}

/** Inputs of `preferenceGraph` for pairs that share a pack. Throws ArgumentError for more pairs than it was recorded for. */
export function preferenceInputs(
  pairs: readonly ReferencedPair[],
  { model, shape, pairs: capacity, pairScale }: PreferenceInputsOptions,
): PackInputs {
  return {
    ...answerInputs(pairs, { model, shape, pairs: capacity }),
    referenceChosen: padded(pairs, capacity, ({ referenceChosen }) => referenceChosen),
    referenceRejected: padded(pairs, capacity, ({ referenceRejected }) => referenceRejected),
    // a place without a pair weighs nothing
    pairWeights: padded(pairs, capacity, () => pairScale),
  };
}

/** Inputs of `answerGraph`. */
export function answerInputs(
  pairs: readonly EncodedPair[],
  { model, shape, pairs: capacity }: Omit<PreferenceInputsOptions, "pairScale">,
): PackInputs {
  if (pairs.length > capacity) {
    throw new ArgumentError(
      `A pack of ${capacity} pairs was given ${pairs.length}.`,
      "Give the rest to the next pack.",
    );
  }
  const chosenSpans = new Int32Array(2 * capacity);
  const rejectedSpans = new Int32Array(2 * capacity);
  let base = 0;
  for (const [i, { chosen, rejected }] of pairs.entries()) {
    chosenSpans.set([base, base + chosen.ids.length], 2 * i);
    base += chosen.ids.length;
    rejectedSpans.set([base, base + rejected.ids.length], 2 * i);
    base += rejected.ids.length;
  }
  const samples = pairs.flatMap(({ chosen, rejected }) => [chosen, rejected]);
  return { ...packInputs(samples, { model, shape, textScale: 1 }), chosenSpans, rejectedSpans };
}

function padded<T>(pairs: readonly T[], length: number, value: (pair: T) => number): Float32Array {
  return Float32Array.from({ length }, (_, i) => (i < pairs.length ? value(pairs[i]) : 0));
}
