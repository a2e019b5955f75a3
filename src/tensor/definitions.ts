import type { OpDefinition } from "./definition.ts";
import { attention, attentionBackward } from "./definitions/attention.ts";
import { appendRows, attentionCached } from "./definitions/cache.ts";
import {
  binary,
  broadcastAll,
  rowwise,
  scale,
  sumAll,
  sumRows,
  unary,
  unaryBackward,
} from "./definitions/elementwise.ts";
import { concatColumns, mergeHeads, splitColumns, splitHeads } from "./definitions/heads.ts";
import { linear, outerSum, transposedLinear } from "./definitions/linear.ts";
import {
  crossEntropy,
  spanSpread,
  spanSum,
  tokenLogProbability,
  tokenLogProbabilityBackward,
} from "./definitions/loss.ts";
import { l2Norm, layerNorm, layerNormBackward, rmsNorm, rmsNormBackward } from "./definitions/norm.ts";
import { causalConv, deltaNet } from "./definitions/recurrent.ts";
import { rotary } from "./definitions/rotary.ts";
import { argmax, foldRows, gatherRows, meanRows, repeatRows, scatterAddRows, spliceRows } from "./definitions/rows.ts";

/** Every op there is. A backend answers for each name with a kernel or with `unsupported("why")`. */
export const DEFINITIONS = {
  unary,
  unaryBackward,
  binary,
  rowwise,
  scale,
  sumRows,
  sumAll,
  broadcastAll,
  linear,
  transposedLinear,
  outerSum,
  layerNorm,
  layerNormBackward,
  rmsNorm,
  rmsNormBackward,
  l2Norm,
  splitHeads,
  mergeHeads,
  splitColumns,
  concatColumns,
  rotary,
  attention,
  attentionBackward,
  appendRows,
  attentionCached,
  gatherRows,
  scatterAddRows,
  spliceRows,
  foldRows,
  meanRows,
  repeatRows,
  argmax,
  causalConv,
  deltaNet,
  crossEntropy,
  tokenLogProbability,
  tokenLogProbabilityBackward,
  spanSum,
  spanSpread,
} as const satisfies Record<string, OpDefinition>;

/** Name of an op in a graph. */
export type OpName = keyof typeof DEFINITIONS;
