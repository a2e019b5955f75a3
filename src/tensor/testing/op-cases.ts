import type { OpName } from "../definitions.ts";
import type { OpCase } from "./op-case.ts";
import { ATTENTION_CASES, CACHE_CASES } from "./op-cases/attention-cases.ts";
import { BINARY_CASES, normCases, ROWWISE_CASES, SCALE_CASES, UNARY_CASES } from "./op-cases/elementwise-cases.ts";
import { GATHER_CASES, LINEAR_CASES, TRANSPOSED_CASES } from "./op-cases/linear-cases.ts";
import { CAUSAL_CONV_CASES, DELTA_NET_CASES } from "./op-cases/recurrent-cases.ts";

import { ARGMAX_CASES, FOLD_CASES, HEAD_CASES, ROTARY_CASES, SPLICE_CASES } from "./op-cases/row-cases.ts";
import { TRAINING_CASES } from "./op-cases/training-cases.ts";

/** What every backend must compute as the oracle does: the one list behind parity tests, benchmarks and docs/ops.md. A forgotten op does not compile. */
export const OP_CASES: Readonly<Record<OpName, readonly OpCase[]>> = {
  ...TRAINING_CASES,
  unary: UNARY_CASES,
  binary: BINARY_CASES,
  rowwise: ROWWISE_CASES,
  scale: SCALE_CASES,
  linear: LINEAR_CASES,
  transposedLinear: TRANSPOSED_CASES,
  layerNorm: normCases("layerNorm"),
  rmsNorm: normCases("rmsNorm"),
  l2Norm: normCases("l2Norm"),
  gatherRows: GATHER_CASES,
  splitHeads: HEAD_CASES,
  mergeHeads: HEAD_CASES,
  splitColumns: HEAD_CASES,
  concatColumns: HEAD_CASES,
  rotary: ROTARY_CASES,
  spliceRows: SPLICE_CASES,
  foldRows: FOLD_CASES,
  meanRows: FOLD_CASES,
  argmax: ARGMAX_CASES,
  attention: ATTENTION_CASES,
  appendRows: CACHE_CASES,
  attentionCached: CACHE_CASES,
  causalConv: CAUSAL_CONV_CASES,
  deltaNet: DELTA_NET_CASES,
};
