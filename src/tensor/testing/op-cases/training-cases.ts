import type { OpName } from "../../definitions.ts";
import { type Dim, dim } from "../../dim.ts";
import type { Attributes } from "../../graph.ts";
import { FLOAT_LIMIT, type OpCase, TAIL_SIZES } from "../op-case.ts";

interface EmittedOp {
  readonly op: OpName;
  /** Told apart from the op's other cases by this. */
  readonly size: string;
  /** Float inputs; a name of the integers makes an i32 one. In the order of the op. */
  readonly inputs: Readonly<Record<string, readonly Dim[]>>;
  readonly integers?: Readonly<Record<string, readonly number[]>>;
  readonly attributes?: Attributes;
  readonly dims?: readonly Dim[];
}

/** Ops that autograd emits and models cannot ask for: every input is one of the graph, every output one too. */
function emitted({ op, size, inputs, integers = {}, attributes, dims }: EmittedOp): OpCase {
  return {
    name: size,
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

const [T, B, Y] = [dim("T", 5), dim("B", 3), dim("Y", 2)];
const [H, G] = [dim("H", 4), dim("G", 2)];
const KINDS = ["gelu", "geluErf", "silu", "sigmoid", "softplus", "exp", "tanh"];

/** Rows of every width that meets a tail. */
const byWidth = (make: (D: Dim, size: string) => OpCase): readonly OpCase[] =>
  TAIL_SIZES.map((width) => make(dim("D", width), `rows of ${width}`));

/** As many rows as meet a tail, and a place for each: first, last, and some that come twice. */
const byRows = (make: (T: Dim, size: string) => OpCase): readonly OpCase[] =>
  TAIL_SIZES.map((rows) => make(dim("T", rows), `${rows} rows`));

/** Logits over vocabularies of every size, the first and the last entry among the targets. */
const byVocabulary = (
  make: (V: Dim, given: { readonly size: string; readonly targets: readonly number[] }) => OpCase,
): readonly OpCase[] =>
  TAIL_SIZES.map((count) =>
    make(dim("V", count), {
      size: `a vocabulary of ${count}`,
      targets: [0, count - 1, 7, 7, 1].map((id) => id % count),
    }),
  );

/** Spans that are empty, that overlap, and that end with the last row. */
const spansOf = (rows: number): readonly number[] => [0, Math.ceil(rows / 2), rows >> 2, rows, rows >> 1, rows >> 1];

/** Packed samples: one that sees itself alone, causal rows, and a row of another sample after them. */
const CAUSAL_SPANS = [0, 1, 0, 2, 0, 3, 3, 4, 3, 5];

/** Ops of training alone. On this engine most of them run on the host: training belongs to the ONNX backend. */
export const TRAINING_CASES = {
  unaryBackward: KINDS.flatMap((kind) =>
    byWidth((D, size) =>
      emitted({
        op: "unaryBackward",
        size: `${kind}, ${size}`,
        inputs: { x: [T, D], dy: [T, D] },
        attributes: { kind },
      }),
    ),
  ),
  sumRows: byWidth((D, size) => emitted({ op: "sumRows", size, inputs: { x: [T, D] } })),
  sumAll: byWidth((D, size) => emitted({ op: "sumAll", size, inputs: { x: [T, D] } })),
  broadcastAll: byWidth((D, size) => emitted({ op: "broadcastAll", size, inputs: { x: [] }, dims: [T, D] })),
  outerSum: [
    ...byWidth((D, size) => emitted({ op: "outerSum", size, inputs: { u: [T, D], v: [T, dim("V", 63)] } })),
    ...byRows((N, size) => emitted({ op: "outerSum", size, inputs: { u: [N, dim("D", 7)], v: [N, dim("V", 9)] } })),
  ],
  layerNormBackward: byWidth((D, size) =>
    emitted({ op: "layerNormBackward", size, inputs: { x: [T, D], w: [D], dy: [T, D] }, attributes: { eps: 1e-5 } }),
  ),
  rmsNormBackward: byWidth((D, size) =>
    emitted({ op: "rmsNormBackward", size, inputs: { x: [T, D], w: [D], dy: [T, D] }, attributes: { eps: 1e-5 } }),
  ),
  attentionBackward: [
    ...[8, 64, 72, 128, 256].map((width) => {
      const C = dim("C", width);
      return emitted({
        op: "attentionBackward",
        size: `heads of ${width}`,
        inputs: { q: [H, T, C], k: [G, T, C], v: [G, T, C], spans: [T, Y], dy: [H, T, C] },
        integers: { spans: CAUSAL_SPANS },
        attributes: { scale: width ** -0.5 },
      });
    }),
    ...[1, 63, 64, 65].map((rows) => {
      const [N, C] = [dim("T", rows), dim("C", 8)];
      return emitted({
        op: "attentionBackward",
        size: `${rows} rows, causal`,
        inputs: { q: [H, N, C], k: [G, N, C], v: [G, N, C], spans: [N, Y], dy: [H, N, C] },
        integers: { spans: Array.from({ length: rows }, (_, row) => [0, row + 1]).flat() },
        attributes: { scale: 0.35 },
      });
    }),
  ],
  scatterAddRows: byWidth((D, size) =>
    emitted({
      op: "scatterAddRows",
      size,
      inputs: { x: [T, D], ids: [T] },
      integers: { ids: [0, 62, 7, 7, 1] },
      dims: [dim("V", 63)],
    }),
  ),
  repeatRows: byWidth((D, size) =>
    emitted({ op: "repeatRows", size, inputs: { x: [T, D] }, attributes: { count: 3 }, dims: [dim("P", 15)] }),
  ),
  crossEntropy: byVocabulary((V, { size, targets }) =>
    emitted({ op: "crossEntropy", size, inputs: { x: [T, V], targets: [T], w: [T] }, integers: { targets } }),
  ),
  tokenLogProbability: byVocabulary((V, { size, targets }) =>
    emitted({ op: "tokenLogProbability", size, inputs: { x: [T, V], targets: [T] }, integers: { targets } }),
  ),
  tokenLogProbabilityBackward: byVocabulary((V, { size, targets }) =>
    emitted({
      op: "tokenLogProbabilityBackward",
      size,
      inputs: { x: [T, V], targets: [T], dy: [T] },
      integers: { targets },
    }),
  ),
  spanSum: byRows((N, size) =>
    emitted({ op: "spanSum", size, inputs: { x: [N], spans: [B, Y] }, integers: { spans: spansOf(N.capacity) } }),
  ),
  spanSpread: byRows((N, size) =>
    emitted({
      op: "spanSpread",
      size,
      inputs: { x: [B], spans: [B, Y] },
      integers: { spans: spansOf(N.capacity) },
      dims: [N],
    }),
  ),
} as const satisfies Readonly<Partial<Record<OpName, readonly OpCase[]>>>;
