import { numberAttribute } from "../../../tensor/definition.ts";
import type { OnnxName } from "../onnx-model.ts";
import type { Emission, EmitNode } from "./emission.ts";

// far below every score, and still finite when scores are added to it
const HIDDEN = -1e30;

/** Spans as begin and end columns, [blocks, N / blocks, 1] each. */
function spanColumns(e: Emission, spans: number, blocks: number): readonly OnnxName[] {
  const { model: m } = e;
  const rows = e.shape(spans)[0] / blocks;
  const options = { attributes: { axis: 2 }, outputCount: 2 };
  return m.nodes("Split", [e.reshape(e.name(spans), [blocks, rows, 2]), m.integers([1, 1])], options);
}

/** True for keys m with begin[n] ≤ m < end[n]: [blocks, N / blocks, M / blocks]. */
function insideSpans(e: Emission, spans: number, keyCount: number): OnnxName {
  const { model: m } = e;
  const blocks = e.blockCount(spans);
  return m.once(`inside ${e.name(spans)} ${keyCount}`, () => {
    const [begin, end] = spanColumns(e, spans, blocks);
    const keys = m.constant(
      "i32",
      Array.from({ length: keyCount }, (_, i) => i),
      [blocks, 1, keyCount / blocks],
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

/** [H, N, C] as [G, blocks, r · N / blocks, C]: query heads of one key-value head become rows beside one another. */
function queryBlocks(e: Emission, name: OnnxName, { q, k, spans }: AttentionValues): OnnxName {
  const { model: m } = e;
  const [heads, rows, width] = e.shape(q);
  const [groups] = e.shape(k);
  const blocks = e.blockCount(spans);
  const [shared, perBlock] = [heads / groups, rows / blocks];
  if (blocks === 1) return e.reshape(name, [groups, 1, shared * rows, width]);
  if (shared === 1) return e.reshape(name, [groups, blocks, perBlock, width]);
  const apart = e.reshape(name, [groups, shared, blocks, perBlock, width]);
  return e.reshape(m.node("Transpose", [apart], { perm: [0, 2, 1, 3, 4] }), [groups, blocks, shared * perBlock, width]);
}

/** Inverse of `queryBlocks`. */
function fromQueryBlocks(e: Emission, name: OnnxName, { q, k, spans }: AttentionValues): OnnxName {
  const [heads, rows, width] = e.shape(q);
  const [groups] = e.shape(k);
  const blocks = e.blockCount(spans);
  const [shared, perBlock] = [heads / groups, rows / blocks];
  if (blocks === 1 || shared === 1) return e.reshape(name, [heads, rows, width]);
  const apart = e.transpose(e.reshape(name, [groups, blocks, shared, perBlock, width]), [0, 2, 1, 3, 4]);
  return e.reshape(apart, [heads, rows, width]);
}

/** [G, M, C] as [G, blocks, M / blocks, C]. */
function keyBlocks(e: Emission, id: number, { spans }: AttentionValues): OnnxName {
  const [groups, rows, width] = e.shape(id);
  const blocks = e.blockCount(spans);
  return e.reshape(e.name(id), [groups, blocks, rows / blocks, width]);
}

const SWAP = [0, 1, 3, 2];

/** softmax(scale · q kᵀ + mask) as [G, blocks, r · N / blocks, M / blocks]; forward and backward share it. */
function probabilities(e: Emission, values: AttentionValues): OnnxName {
  const { model: m } = e;
  const { q, k, spans, scale } = values;
  return m.once(`softmax ${e.name(q)} ${e.name(k)} ${e.name(spans)} ${scale}`, () => {
    const [heads, rows] = e.shape(q);
    const [groups, keyCount] = e.shape(k);
    const blocks = e.blockCount(spans);
    const scaled = m.node("Mul", [queryBlocks(e, e.name(q), values), m.scalar(scale)]);
    const scores = m.node("MatMul", [scaled, e.transpose(keyBlocks(e, k, values), SWAP)]);
    const mask = additiveMask(e, spans, keyCount);
    const shared = heads / groups;
    if (shared === 1) return m.node("Softmax", [m.node("Add", [scores, mask])], { axis: -1 });
    const [perBlock, keys] = [rows / blocks, keyCount / blocks];
    const perHead = e.reshape(scores, [groups, blocks, shared, perBlock, keys]);
    const wideMask = e.reshape(mask, [blocks, 1, perBlock, keys]);
    const soft = m.node("Softmax", [m.node("Add", [perHead, wideMask])], { axis: -1 });
    return e.reshape(soft, [groups, blocks, shared * perBlock, keys]);
  });
}

export const emitAttention: EmitNode = (e, { inputs: [q, k, v, spans], outputs: [y], attributes }) => {
  const values = { q, k, spans, scale: numberAttribute(attributes, "scale") };
  const mixed = e.model.node("MatMul", [probabilities(e, values), keyBlocks(e, v, values)]);
  e.bind(y, fromQueryBlocks(e, mixed, values));
};

export const emitAttentionBackward: EmitNode = (
  e,
  { inputs: [q, k, v, spans, dy], outputs: [dq, dk, dv], attributes },
) => {
  const { model: m } = e;
  const scale = numberAttribute(attributes, "scale");
  const values = { q, k, spans, scale };
  const p = probabilities(e, values);
  const blocked = queryBlocks(e, e.name(dy), values);
  e.bind(dv, e.reshape(m.node("MatMul", [e.transpose(p, SWAP), blocked]), e.shape(v)));
  const dp = m.node("MatMul", [blocked, e.transpose(keyBlocks(e, v, values), SWAP)]);
  const weighted = m.node("Mul", [p, dp]);
  const mean = m.node("ReduceSum", [weighted, m.integers([-1])]);
  const ds = m.node("Mul", [m.node("Sub", [weighted, m.node("Mul", [p, mean])]), m.scalar(scale)]);
  e.bind(dq, fromQueryBlocks(e, m.node("MatMul", [ds, keyBlocks(e, k, values)]), values));
  const rows = queryBlocks(e, e.name(q), values);
  e.bind(dk, e.reshape(m.node("MatMul", [e.transpose(ds, SWAP), rows]), e.shape(k)));
};

/** Rows t within span b, as float [B, T]. */
function membership(e: Emission, spans: number, rowCount: number): OnnxName {
  return e.model.once(`members ${e.name(spans)} ${rowCount}`, () =>
    e.reshape(e.model.node("Cast", [insideSpans(e, spans, rowCount)], { to: 1 }), [e.shape(spans)[0], rowCount]),
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
