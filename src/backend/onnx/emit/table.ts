import type { OpName } from "../../../tensor/definitions.ts";
import { emitAttention, emitAttentionBackward, emitSpanSpread, emitSpanSum } from "./attention.ts";
import {
  emitBinary,
  emitBroadcastAll,
  emitScale,
  emitSumAll,
  emitSumRows,
  emitUnary,
  emitUnaryBackward,
} from "./elementwise.ts";
import type { EmitNode } from "./emission.ts";
import {
  emitConcatColumns,
  emitMeanRows,
  emitMergeHeads,
  emitRepeatRows,
  emitReshape,
  emitRotary,
  emitSplitColumns,
  emitSplitHeads,
} from "./heads.ts";
import {
  emitLayerNorm,
  emitLinear,
  emitNormBackward,
  emitOuterSum,
  emitRmsNorm,
  emitTransposedLinear,
} from "./linear.ts";
import {
  emitArgmax,
  emitCrossEntropy,
  emitGatherRows,
  emitScatterAddRows,
  emitSpliceRows,
  emitTokenLogProbability,
  emitTokenLogProbabilityBackward,
} from "./rows.ts";

/** Why an op has no ONNX form here. */
export interface Unsupported {
  readonly unsupported: string;
}

const STATEFUL: Unsupported = { unsupported: "states are not kept between ONNX runs: record with past: none" };

/** How each op becomes ONNX nodes. A forgotten op does not compile. */
export const EMITTERS: Readonly<Record<OpName, EmitNode | Unsupported>> = {
  unary: emitUnary,
  unaryBackward: emitUnaryBackward,
  binary: emitBinary,
  rowwise: emitBinary,
  scale: emitScale,
  sumRows: emitSumRows,
  sumAll: emitSumAll,
  broadcastAll: emitBroadcastAll,
  linear: emitLinear,
  transposedLinear: emitTransposedLinear,
  outerSum: emitOuterSum,
  layerNorm: emitLayerNorm,
  layerNormBackward: emitNormBackward,
  rmsNorm: emitRmsNorm,
  rmsNormBackward: emitNormBackward,
  l2Norm: { unsupported: "it serves the delta net alone, which is not trained here" },
  splitHeads: emitSplitHeads,
  mergeHeads: emitMergeHeads,
  splitColumns: emitSplitColumns,
  concatColumns: emitConcatColumns,
  rotary: emitRotary,
  attention: emitAttention,
  attentionBackward: emitAttentionBackward,
  appendRows: STATEFUL,
  attentionCached: STATEFUL,
  gatherRows: emitGatherRows,
  scatterAddRows: emitScatterAddRows,
  spliceRows: emitSpliceRows,
  foldRows: emitReshape,
  meanRows: emitMeanRows,
  repeatRows: emitRepeatRows,
  argmax: emitArgmax,
  causalConv: STATEFUL,
  deltaNet: STATEFUL,
  crossEntropy: emitCrossEntropy,
  tokenLogProbability: emitTokenLogProbability,
  tokenLogProbabilityBackward: emitTokenLogProbabilityBackward,
  spanSum: emitSpanSum,
  spanSpread: emitSpanSpread,
};
