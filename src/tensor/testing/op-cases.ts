import type { OpName } from "../definitions.ts";
import type { OpCase } from "./op-case.ts";
import { ATTENTION_CASES, CACHE_CASES } from "./op-cases/attention-cases.ts";
import { BINARY_CASES, normCases, ROWWISE_CASES, SCALE_CASES, UNARY_CASES } from "./op-cases/elementwise-cases.ts";
import { GATHER_CASES, LINEAR_CASES, TRANSPOSED_CASES } from "./op-cases/linear-cases.ts";
import { CAUSAL_CONV_CASES, DELTA_NET_CASES } from "./op-cases/recurrent-cases.ts";

/** What every backend must compute as the oracle does: the one list behind parity tests, benchmarks and docs/ops.md. */
export const OP_CASES: Readonly<Partial<Record<OpName, readonly OpCase[]>>> = {
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
  attention: ATTENTION_CASES,
  attentionCached: CACHE_CASES,
  causalConv: CAUSAL_CONV_CASES,
  deltaNet: DELTA_NET_CASES,
};
