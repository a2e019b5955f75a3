import type { Axis } from "../tensor/axis.ts";
import type { Ops } from "../tensor/ops.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** Rows whose next tokens are judged, and the runs of rows that make one sequence each. */
export interface JudgedRows<N extends Axis> {
  readonly logits: Tensor<[N, "V"]>;
  /** Row t foretells targets[t]. */
  readonly targets: Tensor<[NoInfer<N>]>;
  /** 1 where a row counts, 0 for prompts and padding. */
  readonly mask: Tensor<[NoInfer<N>]>;
}

/** log p of each sequence: the sum over its counted rows, unnormalised as RLAIF-V's and DPO's published code take it. */
export function sequenceLogProbability<N extends Axis, B extends Axis>(
  ops: Ops,
  { logits, targets, mask }: JudgedRows<N>,
  spans: Tensor<[B, "Y"]>,
): Tensor<[B]> {
  return ops.spanSum(ops.multiply(ops.tokenLogProbability(logits, targets), mask), spans);
}

/** Log-probabilities of a pair's answers under the policy and under the frozen reference. */
export interface PreferencePairs<B extends Axis> {
  readonly chosen: Tensor<[B]>;
  readonly rejected: Tensor<[NoInfer<B>]>;
  readonly referenceChosen: Tensor<[NoInfer<B>]>;
  readonly referenceRejected: Tensor<[NoInfer<B>]>;
}

/**
 * DPO loss of each pair (arXiv 2305.18290 eq. 7): −log σ(β((πw − rw) − (πl − rl))) = softplus(−β · margin), which keeps its
 * precision where σ underflows. The reference enters as numbers that were computed once.
 */
export function dpoLoss<B extends Axis>(
  ops: Ops,
  { chosen, rejected, referenceChosen, referenceRejected }: PreferencePairs<B>,
  beta: number,
): Tensor<[B]> {
  const policy = ops.subtract(chosen, rejected);
  const margin = ops.subtract(policy, ops.subtract(referenceChosen, referenceRejected));
  return ops.softplus(ops.scale(margin, -beta));
}
