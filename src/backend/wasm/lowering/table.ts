import type { OpName } from "../../../tensor/definitions.ts";
import type { Node } from "../../../tensor/graph.ts";
import { lowerAppendRows, lowerAttention, lowerAttentionCached } from "./attention.ts";
import type { LoweringContext } from "./context.ts";
import { lowerBinary, lowerNorm, lowerRowwise, lowerScale, lowerUnary } from "./elementwise.ts";
import {
  lowerConcatColumns,
  lowerFoldRows,
  lowerMergeHeads,
  lowerRotary,
  lowerSplitColumns,
  lowerSplitHeads,
} from "./heads.ts";
import { lowerOnHost } from "./host.ts";
import { lowerLinear } from "./linear.ts";
import { lowerCausalConv, lowerDeltaNet } from "./recurrent.ts";
import { lowerArgmax, lowerGatherRows, lowerMeanRows, lowerSpliceRows } from "./rows.ts";

/** Adds the steps of one node. */
export type LowerNode = (c: LoweringContext, node: Node) => void;

/** How each op becomes kernel calls. A forgotten op does not compile. */
export const LOWERINGS: Readonly<Record<OpName, LowerNode>> = {
  unary: lowerUnary,
  binary: lowerBinary,
  rowwise: lowerRowwise,
  scale: lowerScale,
  linear: lowerLinear,
  transposedLinear: lowerLinear,
  layerNorm: lowerNorm,
  rmsNorm: lowerNorm,
  l2Norm: lowerNorm,
  splitHeads: lowerSplitHeads,
  mergeHeads: lowerMergeHeads,
  splitColumns: lowerSplitColumns,
  concatColumns: lowerConcatColumns,
  rotary: lowerRotary,
  attention: lowerAttention,
  appendRows: lowerAppendRows,
  attentionCached: lowerAttentionCached,
  gatherRows: lowerGatherRows,
  spliceRows: lowerSpliceRows,
  foldRows: lowerFoldRows,
  meanRows: lowerMeanRows,
  argmax: lowerArgmax,
  causalConv: lowerCausalConv,
  deltaNet: lowerDeltaNet,
  unaryBackward: lowerOnHost,
  sumRows: lowerOnHost,
  sumAll: lowerOnHost,
  broadcastAll: lowerOnHost,
  outerSum: lowerOnHost,
  layerNormBackward: lowerOnHost,
  rmsNormBackward: lowerOnHost,
  attentionBackward: lowerOnHost,
  scatterAddRows: lowerOnHost,
  repeatRows: lowerOnHost,
  crossEntropy: lowerOnHost,
  tokenLogProbability: lowerOnHost,
  tokenLogProbabilityBackward: lowerOnHost,
  spanSum: lowerOnHost,
  spanSpread: lowerOnHost,
};
