import { numberAttribute } from "../../../tensor/definition.ts";
import type { OnnxName } from "../onnx-model.ts";
import type { Emission, EmitNode } from "./emission.ts";

/** Leading axes joined into rows: Gemm takes matrices alone. */
function asRows(e: Emission, id: number): OnnxName {
  const shape = e.shape(id);
  if (shape.length === 2) return e.name(id);
  return e.reshape(e.name(id), [-1, shape[shape.length - 1] ?? 1]);
}

function fromRows(e: Emission, rows: OnnxName, id: number): OnnxName {
  return e.shape(id).length === 2 ? rows : e.reshape(rows, e.shape(id));
}

export const emitLinear: EmitNode = (e, { inputs: [x, w, bias], outputs: [y] }) => {
  const operands = [asRows(e, x), e.name(w), ...(bias === undefined ? [] : [e.name(bias)])];
  e.bind(y, fromRows(e, e.model.node("Gemm", operands, { transB: 1 }), y));
};

export const emitTransposedLinear: EmitNode = (e, { inputs: [x, w], outputs: [y] }) => {
  e.bind(y, fromRows(e, e.model.node("Gemm", [asRows(e, x), e.name(w)]), y));
};

export const emitOuterSum: EmitNode = (e, { inputs: [u, v], outputs: [y] }) => {
  e.bind(y, e.model.node("Gemm", [asRows(e, u), asRows(e, v)], { transA: 1 }));
};

const LAST = { axes: [-1] };

export const emitLayerNorm: EmitNode = (e, { inputs: [x, w, b], outputs: [y], attributes }) => {
  const epsilon = { float: numberAttribute(attributes, "eps") };
  e.bind(y, e.model.node("LayerNormalization", [e.name(x), e.name(w), e.name(b)], { axis: -1, epsilon }));
};

interface Normalised {
  readonly hat: OnnxName;
  readonly inverse: OnnxName;
}

/** (x − mean)/σ, or x/rms where nothing is subtracted; forward and backward share it. */
function normalise(
  e: Emission,
  x: number,
  { eps, isCentred }: { readonly eps: number; readonly isCentred: boolean },
): Normalised {
  const { model: m } = e;
  const key = `${e.name(x)} ${eps} ${isCentred}`;
  const axes = m.integers(LAST.axes);
  const centred = m.once(`centred ${key}`, () =>
    isCentred ? m.node("Sub", [e.name(x), m.node("ReduceMean", [e.name(x), axes])]) : e.name(x),
  );
  const inverse = m.once(`inverse ${key}`, () => {
    const mean = m.node("ReduceMean", [m.node("Mul", [centred, centred]), axes]);
    return m.node("Reciprocal", [m.node("Sqrt", [m.node("Add", [mean, m.scalar(eps)])])]);
  });
  return { hat: m.once(`hat ${key}`, () => m.node("Mul", [centred, inverse])), inverse };
}

export const emitRmsNorm: EmitNode = (e, { inputs: [x, w], outputs: [y], attributes }) => {
  const { hat } = normalise(e, x, { eps: numberAttribute(attributes, "eps"), isCentred: false });
  e.bind(y, e.model.node("Mul", [hat, e.name(w)]));
};

export const emitNormBackward: EmitNode = (e, { op, inputs: [x, w, dy], outputs: [dx, dw, db], attributes }) => {
  const { model: m } = e;
  const isCentred = op === "layerNormBackward";
  const { hat, inverse } = normalise(e, x, { eps: numberAttribute(attributes, "eps"), isCentred });
  const axes = m.integers(LAST.axes);
  const rowAxes = m.integers(
    e
      .shape(x)
      .slice(0, -1)
      .map((_, i) => i),
  );
  const g = m.node("Mul", [e.name(dy), e.name(w)]);
  const dot = m.node("ReduceMean", [m.node("Mul", [g, hat]), axes]);
  const along = m.node("Sub", [g, m.node("Mul", [hat, dot])]);
  const centred = isCentred ? m.node("Sub", [along, m.node("ReduceMean", [g, axes])]) : along;
  e.bind(dx, m.node("Mul", [centred, inverse]));
  e.bind(dw, m.node("ReduceSum", [m.node("Mul", [e.name(dy), hat]), rowAxes], { keepdims: 0 }));
  if (db !== undefined) e.bind(db, m.node("ReduceSum", [e.name(dy), rowAxes], { keepdims: 0 }));
};
