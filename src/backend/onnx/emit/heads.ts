import { numberAttribute, numbersAttribute, stringAttribute } from "../../../tensor/definition.ts";
import type { OnnxName } from "../onnx-model.ts";
import type { Emission, EmitNode } from "./emission.ts";

export const emitSplitHeads: EmitNode = (e, { inputs: [x], outputs: [y] }) => {
  const [heads, rows, width] = e.shape(y);
  e.bind(y, e.transpose(e.reshape(e.name(x), [rows, heads, width]), [1, 0, 2]));
};

export const emitMergeHeads: EmitNode = (e, { inputs: [x], outputs: [y] }) => {
  e.bind(y, e.reshape(e.transpose(e.name(x), [1, 0, 2]), e.shape(y)));
};

export const emitSplitColumns: EmitNode = (e, { inputs: [x], outputs }) => {
  const sizes = outputs.map((id) => e.shape(id).at(-1) ?? 1);
  const options = { attributes: { axis: -1 }, outputCount: outputs.length };
  const parts = e.model.nodes("Split", [e.name(x), e.model.integers(sizes)], options);
  for (const [i, id] of outputs.entries()) e.bind(id, parts[i]);
};

export const emitConcatColumns: EmitNode = (e, { inputs, outputs: [y] }) => {
  e.bind(
    y,
    e.model.node(
      "Concat",
      inputs.map((id) => e.name(id)),
      { axis: -1 },
    ),
  );
};

export const emitReshape: EmitNode = (e, { inputs: [x], outputs: [y] }) => {
  e.bind(y, e.reshape(e.name(x), e.shape(y)));
};

export const emitMeanRows: EmitNode = (e, { inputs: [x], outputs: [y], attributes }) => {
  const [rows, width] = e.shape(y);
  const groups = e.reshape(e.name(x), [rows, numberAttribute(attributes, "count"), width]);
  e.bind(y, e.model.node("ReduceMean", [groups, e.model.integers([1])], { keepdims: 0 }));
};

export const emitRepeatRows: EmitNode = (e, { inputs: [x], outputs: [y], attributes }) => {
  const [rows, width] = e.shape(x);
  const count = numberAttribute(attributes, "count");
  const wide = e.model.node("Expand", [e.reshape(e.name(x), [rows, 1, width]), e.model.integers([rows, count, width])]);
  e.bind(y, e.reshape(wide, e.shape(y)));
};

/** Cosine and sine [N, pairs] of a step, shared by every layer. */
function angles(
  e: Emission,
  positions: number,
  frequencies: readonly number[],
): { readonly cos: OnnxName; readonly sin: OnnxName } {
  const { model: m } = e;
  const key = `${e.name(positions)} ${frequencies.join(" ")}`;
  const angle = m.once(`angle ${key}`, () => {
    const column = e.reshape(m.node("Cast", [e.name(positions)], { to: 1 }), [-1, 1]);
    return m.node("Mul", [column, m.constant("f32", frequencies, [1, frequencies.length])]);
  });
  return {
    cos: m.once(`cos ${key}`, () => m.node("Cos", [angle])),
    sin: m.once(`sin ${key}`, () => m.node("Sin", [angle])),
  };
}

export const emitRotary: EmitNode = (e, { inputs: [x, positions], outputs: [y], attributes }) => {
  const { model: m } = e;
  const frequencies = numbersAttribute(attributes, "inverseFrequencies");
  const pairs = frequencies.length;
  const [heads, rows, width] = e.shape(x);
  const { cos, sin: forward } = angles(e, positions, frequencies);
  const sin = attributes.isInverse === true ? m.once(`negative ${forward}`, () => m.node("Neg", [forward])) : forward;
  const isAdjacent = stringAttribute(attributes, "pairing") === "adjacent";
  const rest = width - 2 * pairs;
  const sizes = [2 * pairs, ...(rest > 0 ? [rest] : [])];
  const cut = m.nodes("Split", [e.name(x), m.integers(sizes)], { attributes: { axis: -1 }, outputCount: sizes.length });
  // adjacent pairs become two halves by a transpose of [.., pairs, 2]
  const turned = isAdjacent
    ? e.reshape(e.transpose(e.reshape(cut[0], [heads, rows, pairs, 2]), [0, 1, 3, 2]), [heads, rows, 2 * pairs])
    : cut[0];
  const halves = { attributes: { axis: -1 }, outputCount: 2 };
  const [a, b] = m.nodes("Split", [turned, m.integers([pairs, pairs])], halves);
  const first = m.node("Sub", [m.node("Mul", [a, cos]), m.node("Mul", [b, sin])]);
  const second = m.node("Add", [m.node("Mul", [a, sin]), m.node("Mul", [b, cos])]);
  const joined = m.node("Concat", [first, second], { axis: -1 });
  const placed = isAdjacent
    ? e.reshape(e.transpose(e.reshape(joined, [heads, rows, 2, pairs]), [0, 1, 3, 2]), [heads, rows, 2 * pairs])
    : joined;
  e.bind(y, rest > 0 ? m.node("Concat", [placed, cut[1]], { axis: -1 }) : placed);
};
