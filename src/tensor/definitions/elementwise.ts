import type { OpDefinition, ShapedCall } from "../definition.ts";
import {
  asMatrix,
  lastDim,
  needDim,
  needDType,
  needRank,
  needSameDims,
  numberAttribute,
  sizeOf,
  stringAttribute,
} from "../definition.ts";
import { BINARY, type BinaryKind, UNARY, type UnaryKind } from "../functions.ts";

const outputSize = (call: ShapedCall): number => sizeOf(call.outputs[0]);

export const unary: OpDefinition = {
  equation: "y = f(x), f one of gelu, geluErf, silu, sigmoid, softplus, exp, tanh",
  effect: "pure",
  infer: (call) => {
    needDType(call, 0, "x", "f32");
    return [{ dims: call.inputs[0].dims, dtype: "f32" }];
  },
  flops: (call) => 8 * outputSize(call),
  reference: ({ inputs: [x], attributes }) => {
    const { value } = UNARY[stringAttribute(attributes, "kind") as UnaryKind];
    return [x.data.map(value)];
  },
  vjp: (emit, { inputs: [x], gradients: [dy], attributes }) =>
    dy === undefined ? [undefined] : [emit("unaryBackward", [x, dy], attributes)[0]],
};

export const unaryBackward: OpDefinition = {
  equation: "dx = dy · f′(x)",
  effect: "pure",
  infer: (call) => {
    needSameDims(call, "dy", call.inputs[0].dims, call.inputs[1].dims);
    return [{ dims: call.inputs[0].dims, dtype: "f32" }];
  },
  flops: (call) => 12 * outputSize(call),
  reference: ({ inputs: [x, dy], attributes }) => {
    const { derivative } = UNARY[stringAttribute(attributes, "kind") as UnaryKind];
    return [x.data.map((v, i) => derivative(v) * dy.data[i])];
  },
  vjp: { nondifferentiable: "second derivatives are not needed by any training stage" },
};

export const binary: OpDefinition = {
  equation: "y = a ∘ b elementwise, ∘ one of add, subtract, multiply",
  effect: "pure",
  infer: (call) => {
    needDType(call, 0, "a", "f32");
    needDType(call, 1, "b", "f32");
    needSameDims(call, "b", call.inputs[0].dims, call.inputs[1].dims);
    return [{ dims: call.inputs[0].dims, dtype: "f32" }];
  },
  flops: outputSize,
  reference: ({ inputs: [a, b], attributes }) => {
    const combine = BINARY[stringAttribute(attributes, "kind") as BinaryKind];
    return [a.data.map((v, i) => combine(v, b.data[i]))];
  },
  vjp: (emit, { inputs: [a, b], gradients: [dy], attributes, wanted }) => {
    if (dy === undefined) return [undefined, undefined];
    const kind = stringAttribute(attributes, "kind") as BinaryKind;
    if (kind === "add") return [dy, dy];
    if (kind === "subtract") return [dy, wanted[1] ? emit("scale", [dy], { factor: -1 })[0] : undefined];
    return [
      wanted[0] ? emit("binary", [dy, b], { kind })[0] : undefined,
      wanted[1] ? emit("binary", [dy, a], { kind })[0] : undefined,
    ];
  },
};

export const rowwise: OpDefinition = {
  equation: "y[…, a] = x[…, a] ∘ row[a], ∘ add or multiply",
  effect: "pure",
  infer: (call) => {
    needDType(call, 0, "x", "f32");
    needRank(call, 1, "row", 1);
    needDim(call, "row", lastDim(call, 0), call.inputs[1].dims[0]);
    return [{ dims: call.inputs[0].dims, dtype: "f32" }];
  },
  flops: outputSize,
  reference: ({ inputs: [x, row], attributes }) => {
    const combine = BINARY[stringAttribute(attributes, "kind") as BinaryKind];
    const width = row.data.length;
    return [x.data.map((v, i) => combine(v, row.data[i % width]))];
  },
  vjp: (emit, { inputs: [x, row], gradients: [dy], attributes, wanted }) => {
    if (dy === undefined) return [undefined, undefined];
    const isAdd = stringAttribute(attributes, "kind") === "add";
    const dx = isAdd ? dy : emit("rowwise", [dy, row], { kind: "multiply" })[0];
    if (!wanted[1]) return [dx, undefined];
    const perRow = isAdd ? dy : emit("binary", [dy, x], { kind: "multiply" })[0];
    return [dx, emit("sumRows", [perRow])[0]];
  },
};

export const scale: OpDefinition = {
  equation: "y = factor · x",
  effect: "pure",
  infer: (call) => {
    needDType(call, 0, "x", "f32");
    return [{ dims: call.inputs[0].dims, dtype: "f32" }];
  },
  flops: outputSize,
  reference: ({ inputs: [x], attributes }) => {
    const factor = numberAttribute(attributes, "factor");
    return [x.data.map((v) => v * factor)];
  },
  vjp: (emit, { gradients: [dy], attributes }) => [dy && emit("scale", [dy], attributes)[0]],
};

export const sumRows: OpDefinition = {
  equation: "y[a] = Σ over rows of x[…, a]",
  effect: "pure",
  infer: (call) => {
    needDType(call, 0, "x", "f32");
    return [{ dims: [lastDim(call, 0)], dtype: "f32" }];
  },
  flops: ({ inputs: [x] }) => sizeOf(x),
  reference: ({ inputs: [x] }) => {
    const { rows, width } = asMatrix(x.extents);
    const y = new Float64Array(width);
    for (let r = 0; r < rows; r++) {
      for (let c = 0; c < width; c++) y[c] += x.data[r * width + c];
    }
    return [y];
  },
  vjp: { nondifferentiable: "second derivatives are not needed by any training stage" },
};

export const sumAll: OpDefinition = {
  equation: "y = Σ x",
  effect: "pure",
  infer: (call) => {
    needDType(call, 0, "x", "f32");
    return [{ dims: [], dtype: "f32" }];
  },
  flops: ({ inputs: [x] }) => sizeOf(x),
  reference: ({ inputs: [x] }) => [Float64Array.of(x.data.reduce((sum, v) => sum + v, 0))],
  vjp: (emit, { inputs: [x], gradients: [dy] }) => [dy && emit("broadcastAll", [dy], {}, x.dims)[0]],
};

export const broadcastAll: OpDefinition = {
  equation: "y[…] = x, the same scalar everywhere",
  effect: "pure",
  infer: (call) => {
    needRank(call, 0, "x", 0);
    return [{ dims: call.dims, dtype: "f32" }];
  },
  flops: outputSize,
  reference: ({ inputs: [x], outputs: [shape] }) => [new Float64Array(sizeOf(shape)).fill(x.data[0])],
  vjp: (emit, { gradients: [dy] }) => [dy && emit("sumAll", [dy])[0]],
};
