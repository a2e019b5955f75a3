import type { OpName } from "../../definitions.ts";
import { type Dim, dim } from "../../dim.ts";
import type { Attributes } from "../../graph.ts";
import { FLOAT_LIMIT, type OpCase } from "../op-case.ts";

interface EmittedOp {
  readonly op: OpName;
  /** Float inputs; a name of the integers makes an i32 one. In the order of the op. */
  readonly inputs: Readonly<Record<string, readonly Dim[]>>;
  readonly integers?: Readonly<Record<string, readonly number[]>>;
  readonly attributes?: Attributes;
  readonly dims?: readonly Dim[];
}

/** Ops that autograd emits and models cannot ask for: every input is one of the graph, every output one too. */
function emitted({ op, inputs, integers = {}, attributes, dims }: EmittedOp): OpCase {
  const text = Object.values(attributes ?? {}).join(" ");
  return {
    name: text === "" ? "small" : `small, ${text}`,
    record: ({ ops, emit }) => {
      const given = Object.entries(inputs).map(([name, own]) =>
        ops.input(name, integers[name] === undefined ? "f32" : "i32", ...own),
      );
      for (const [i, output] of emit(op, given, attributes, dims).entries()) ops.output(`y${i}`, output);
    },
    steps: [{ integers }],
    limits: { float: FLOAT_LIMIT },
  };
}

const [T, D, V, B, Y] = [dim("T", 5), dim("D", 65), dim("V", 63), dim("B", 2), dim("Y", 2)];
const [H, G, C] = [dim("H", 4), dim("G", 2), dim("C", 8)];
const KINDS = ["gelu", "geluErf", "silu", "sigmoid", "softplus", "exp", "tanh"];
const TARGETS = [0, 62, 7, 7, 1];
const SPANS = [0, 2, 1, 5];

/** Ops of training alone. On this engine most of them run on the host: training belongs to the ONNX backend. */
export const TRAINING_CASES = {
  unaryBackward: KINDS.map((kind) =>
    emitted({ op: "unaryBackward", inputs: { x: [T, D], dy: [T, D] }, attributes: { kind } }),
  ),
  sumRows: [emitted({ op: "sumRows", inputs: { x: [T, D] } })],
  sumAll: [emitted({ op: "sumAll", inputs: { x: [T, D] } })],
  broadcastAll: [emitted({ op: "broadcastAll", inputs: { x: [] }, dims: [T, D] })],
  outerSum: [emitted({ op: "outerSum", inputs: { u: [T, D], v: [T, V] } })],
  layerNormBackward: [
    emitted({ op: "layerNormBackward", inputs: { x: [T, D], w: [D], dy: [T, D] }, attributes: { eps: 1e-5 } }),
  ],
  rmsNormBackward: [
    emitted({ op: "rmsNormBackward", inputs: { x: [T, D], w: [D], dy: [T, D] }, attributes: { eps: 1e-5 } }),
  ],
  attentionBackward: [
    emitted({
      op: "attentionBackward",
      inputs: { q: [H, T, C], k: [G, T, C], v: [G, T, C], spans: [T, Y], dy: [H, T, C] },
      integers: { spans: [0, 1, 0, 2, 0, 3, 3, 4, 3, 5] },
      attributes: { scale: 0.35 },
    }),
  ],
  scatterAddRows: [
    emitted({ op: "scatterAddRows", inputs: { x: [T, D], ids: [T] }, integers: { ids: TARGETS }, dims: [V] }),
  ],
  repeatRows: [emitted({ op: "repeatRows", inputs: { x: [T, D] }, attributes: { count: 3 }, dims: [dim("P", 15)] })],
  crossEntropy: [
    emitted({ op: "crossEntropy", inputs: { x: [T, V], targets: [T], w: [T] }, integers: { targets: TARGETS } }),
  ],
  tokenLogProbability: [
    emitted({ op: "tokenLogProbability", inputs: { x: [T, V], targets: [T] }, integers: { targets: TARGETS } }),
  ],
  tokenLogProbabilityBackward: [
    emitted({
      op: "tokenLogProbabilityBackward",
      inputs: { x: [T, V], targets: [T], dy: [T] },
      integers: { targets: TARGETS },
    }),
  ],
  spanSum: [emitted({ op: "spanSum", inputs: { x: [T], spans: [B, Y] }, integers: { spans: SPANS } })],
  spanSpread: [emitted({ op: "spanSpread", inputs: { x: [B], spans: [B, Y] }, integers: { spans: SPANS }, dims: [T] })],
} as const satisfies Readonly<Partial<Record<OpName, readonly OpCase[]>>>;
