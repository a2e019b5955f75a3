import type { OnnxName } from "../onnx-model.ts";
import type { Emission, EmitNode } from "./emission.ts";

export const emitGatherRows: EmitNode = (e, { inputs: [table, ids], outputs: [y] }) => {
  e.bind(y, e.model.node("Gather", [e.name(table), e.name(ids)], { axis: 0 }));
};

/** Row numbers as ScatterND wants them: int64 [N, 1]. */
function rowIndices(e: Emission, ids: number): OnnxName {
  const { model: m } = e;
  return m.once(`indices ${e.name(ids)}`, () => e.reshape(m.node("Cast", [e.name(ids)], { to: 7 }), [-1, 1]));
}

export const emitScatterAddRows: EmitNode = (e, { inputs: [x, ids], outputs: [y] }) => {
  const { model: m } = e;
  const shape = e.shape(y);
  const zeros = m.node("Expand", [m.scalar(0), m.integers(shape)]);
  e.bind(y, m.node("ScatterND", [zeros, rowIndices(e, ids), e.name(x)], { reduction: "add" }));
};

export const emitSpliceRows: EmitNode = (e, { inputs: [x, rows, at], outputs: [y] }) => {
  e.bind(y, e.model.node("ScatterND", [e.name(x), rowIndices(e, at), e.name(rows)]));
};

export const emitArgmax: EmitNode = (e, { inputs: [x], outputs: [y] }) => {
  const index = e.model.node("ArgMax", [e.name(x)], { axis: -1, keepdims: 0 });
  e.bind(y, e.model.node("Cast", [index], { to: 6 }));
};

/** Log-probabilities [T, V]; forward and backward share them. */
function logSoftmax(e: Emission, logits: number): OnnxName {
  return e.model.once(`logSoftmax ${e.name(logits)}`, () => e.model.node("LogSoftmax", [e.name(logits)], { axis: -1 }));
}

function targetLogProbability(e: Emission, logits: number, targets: number): OnnxName {
  const { model: m } = e;
  return m.once(`target ${e.name(logits)} ${e.name(targets)}`, () => {
    const column = e.reshape(e.name(targets), [-1, 1]);
    return e.reshape(m.node("GatherElements", [logSoftmax(e, logits), column], { axis: 1 }), [-1]);
  });
}

export const emitTokenLogProbability: EmitNode = (e, { inputs: [logits, targets], outputs: [y] }) => {
  e.bind(y, targetLogProbability(e, logits, targets));
};

export const emitCrossEntropy: EmitNode = (e, { inputs: [logits, targets, weights], outputs: [y] }) => {
  const { model: m } = e;
  const weighted = m.node("Mul", [targetLogProbability(e, logits, targets), e.name(weights)]);
  e.bind(y, m.node("Neg", [m.node("ReduceSum", [weighted], { keepdims: 0 })]));
};

export const emitTokenLogProbabilityBackward: EmitNode = (e, { inputs: [logits, targets, dy], outputs: [dx] }) => {
  const { model: m } = e;
  const [rows, width] = e.shape(logits);
  const hits = m.once(`hits ${e.name(targets)} ${width}`, () =>
    // onnxruntime has this op for 64-bit indices alone
    m.node(
      "OneHot",
      [m.node("Cast", [e.name(targets)], { to: 7 }), m.integers([width]), m.constant("f32", [0, 1], [2])],
      { axis: -1 },
    ),
  );
  const difference = m.node("Sub", [hits, m.node("Exp", [logSoftmax(e, logits)])]);
  e.bind(dx, m.node("Mul", [difference, e.reshape(e.name(dy), [rows, 1])]));
};
