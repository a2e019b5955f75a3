import { numberAttribute } from "../../../tensor/definition.ts";
import type { OnnxName } from "../onnx-model.ts";
import type { Emission, EmitNode } from "./emission.ts";

// far below every score, and still finite when scores are added to it
const HIDDEN = -1e30;

/** 1 for keys m with begin[n] ≤ m < end[n], as booleans [N, M]. */
function insideSpans(e: Emission, spans: number, keyCount: number): OnnxName {
  const { model: m } = e;
  return m.once(`inside ${e.name(spans)} ${keyCount}`, () => {
    const rows = e.shape(spans)[0];
    const options = { attributes: { axis: 1 }, outputCount: 2 };
    const [begin, end] = m.nodes("Split", [e.reshape(e.name(spans), [rows, 2]), m.integers([1, 1])], options);
    const keys = m.constant(
      "i32",
      Array.from({ length: keyCount }, (_, i) => i),
      [1, keyCount],
    );
    return m.node("And", [m.node("GreaterOrEqual", [keys, begin]), m.node("Less", [keys, end])]);
  });
}

function additiveMask(e: Emission, spans: number, keyCount: number): OnnxName {
  const { model: m } = e;
  return m.once(`mask ${e.name(spans)} ${keyCount}`, () =>
    m.node("Where", [insideSpans(e, spans, keyCount), m.scalar(0), m.scalar(HIDDEN)]),
  );
}

interface AttentionValues {
  readonly q: number;
  readonly k: number;
  readonly spans: number;
  readonly scale: number;
}

/** Query heads of one key-value head become rows: [G, r·N, C], so that one product serves the group. */
function groupRows(e: Emission, name: OnnxName, { q, k }: Pick<AttentionValues, "q" | "k">): OnnxName {
  const [heads, rows, width] = e.shape(q);
  const [groups] = e.shape(k);
  return heads === groups ? name : e.reshape(name, [groups, (heads / groups) * rows, width]);
}

/** softmax(scale · q kᵀ + mask) as [G, r·N, M]; forward and backward share it. */
function probabilities(e: Emission, values: AttentionValues): OnnxName {
  const { model: m } = e;
  const { q, k, spans, scale } = values;
  return m.once(`softmax ${e.name(q)} ${e.name(k)} ${e.name(spans)} ${scale}`, () => {
    const [heads, rows] = e.shape(q);
    const [groups, keyCount] = e.shape(k);
    const scaled = m.node("Mul", [groupRows(e, e.name(q), values), m.scalar(scale)]);
    const scores = m.node("MatMul", [scaled, e.transpose(e.name(k), [0, 2, 1])]);
    const mask = additiveMask(e, spans, keyCount);
    if (heads === groups) return m.node("Softmax", [m.node("Add", [scores, mask])], { axis: -1 });
    const perHead = e.reshape(scores, [heads, rows, keyCount]);
    const soft = m.node("Softmax", [m.node("Add", [perHead, mask])], { axis: -1 });
    return e.reshape(soft, [groups, (heads / groups) * rows, keyCount]);
  });
}

export const emitAttention: EmitNode = (e, { inputs: [q, k, v, spans], outputs: [y], attributes }) => {
  const p = probabilities(e, { q, k, spans, scale: numberAttribute(attributes, "scale") });
  const mixed = e.model.node("MatMul", [p, e.name(v)]);
  e.bind(y, e.shape(q)[0] === e.shape(k)[0] ? mixed : e.reshape(mixed, e.shape(y)));
};

export const emitAttentionBackward: EmitNode = (
  e,
  { inputs: [q, k, v, spans, dy], outputs: [dq, dk, dv], attributes },
) => {
  const { model: m } = e;
  const scale = numberAttribute(attributes, "scale");
  const p = probabilities(e, { q, k, spans, scale });
  const grouped = groupRows(e, e.name(dy), { q, k });
  e.bind(dv, m.node("MatMul", [e.transpose(p, [0, 2, 1]), grouped]));
  const dp = m.node("MatMul", [grouped, e.transpose(e.name(v), [0, 2, 1])]);
  const weighted = m.node("Mul", [p, dp]);
  const mean = m.node("ReduceSum", [weighted, m.integers([-1])]);
  const ds = m.node("Mul", [m.node("Sub", [weighted, m.node("Mul", [p, mean])]), m.scalar(scale)]);
  const rows = m.node("MatMul", [ds, e.name(k)]);
  e.bind(dq, e.shape(q)[0] === e.shape(k)[0] ? rows : e.reshape(rows, e.shape(q)));
  e.bind(dk, m.node("MatMul", [e.transpose(ds, [0, 2, 1]), groupRows(e, e.name(q), { q, k })]));
};

/** Rows t within span b, as float [B, T]. */
function membership(e: Emission, spans: number, rowCount: number): OnnxName {
  return e.model.once(`members ${e.name(spans)} ${rowCount}`, () =>
    e.model.node("Cast", [insideSpans(e, spans, rowCount)], { to: 1 }),
  );
}

export const emitSpanSum: EmitNode = (e, { inputs: [x, spans], outputs: [y] }) => {
  const members = membership(e, spans, e.shape(x)[0]);
  e.bind(y, e.model.node("MatMul", [members, e.name(x)]));
};

export const emitSpanSpread: EmitNode = (e, { inputs: [x, spans], outputs: [y] }) => {
  const members = membership(e, spans, e.shape(y)[0]);
  e.bind(y, e.model.node("MatMul", [e.name(x), members]));
};
