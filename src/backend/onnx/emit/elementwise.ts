import { numberAttribute, stringAttribute } from "../../../tensor/definition.ts";
import type { BinaryKind, UnaryKind } from "../../../tensor/functions.ts";
import type { OnnxModel, OnnxName } from "../onnx-model.ts";
import type { EmitNode } from "./emission.ts";

const GELU_SCALE = Math.sqrt(2 / Math.PI);
const GELU_CUBIC = 0.044715; // arXiv 1606.08415 §2

type Arithmetic = Readonly<Record<"add" | "mul" | "sub", (a: OnnxName, b: OnnxName | number) => OnnxName>>;

function arithmetic(m: OnnxModel): Arithmetic {
  const operand = (b: OnnxName | number): OnnxName => (typeof b === "number" ? m.scalar(b) : b);
  return {
    add: (a, b) => m.node("Add", [a, operand(b)]),
    mul: (a, b) => m.node("Mul", [a, operand(b)]),
    sub: (a, b) => m.node("Sub", [a, operand(b)]),
  };
}

const VALUES: Readonly<Record<UnaryKind, (m: OnnxModel, x: OnnxName) => OnnxName>> = {
  gelu: (m, x) => m.node("Gelu", [x], { approximate: "tanh" }),
  geluErf: (m, x) => m.node("Gelu", [x]),
  silu: (m, x) => m.node("Mul", [x, m.node("Sigmoid", [x])]),
  sigmoid: (m, x) => m.node("Sigmoid", [x]),
  softplus: (m, x) => m.node("Softplus", [x]),
  exp: (m, x) => m.node("Exp", [x]),
  tanh: (m, x) => m.node("Tanh", [x]),
};

const DERIVATIVES: Readonly<Record<UnaryKind, (m: OnnxModel, x: OnnxName) => OnnxName>> = {
  gelu: (m, x) => {
    const { add, mul, sub } = arithmetic(m);
    const square = mul(x, x);
    const inner = mul(x, add(mul(square, GELU_SCALE * GELU_CUBIC), GELU_SCALE));
    const t = m.node("Tanh", [inner]);
    const slope = add(mul(square, 3 * GELU_SCALE * GELU_CUBIC), GELU_SCALE);
    const curve = mul(mul(x, slope), sub(m.scalar(1), mul(t, t)));
    return mul(add(add(t, 1), curve), 0.5);
  },
  geluErf: (m, x) => {
    const { add, mul } = arithmetic(m);
    const distribution = mul(add(m.node("Erf", [mul(x, Math.SQRT1_2)]), 1), 0.5);
    const density = mul(m.node("Exp", [mul(mul(x, x), -0.5)]), 1 / Math.sqrt(2 * Math.PI));
    return add(distribution, mul(x, density));
  },
  silu: (m, x) => {
    const { add, mul, sub } = arithmetic(m);
    const s = m.node("Sigmoid", [x]);
    return mul(s, add(mul(x, sub(m.scalar(1), s)), 1));
  },
  sigmoid: (m, x) => {
    const { mul, sub } = arithmetic(m);
    const s = m.node("Sigmoid", [x]);
    return mul(s, sub(m.scalar(1), s));
  },
  softplus: (m, x) => m.node("Sigmoid", [x]),
  exp: (m, x) => m.node("Exp", [x]),
  tanh: (m, x) => {
    const { mul, sub } = arithmetic(m);
    const t = m.node("Tanh", [x]);
    return sub(m.scalar(1), mul(t, t));
  },
};

const BINARY: Readonly<Record<BinaryKind, string>> = { add: "Add", subtract: "Sub", multiply: "Mul" };

export const emitUnary: EmitNode = (e, { inputs: [x], outputs: [y], attributes }) => {
  e.bind(y, VALUES[stringAttribute(attributes, "kind") as UnaryKind](e.model, e.name(x)));
};

export const emitUnaryBackward: EmitNode = (e, { inputs: [x, dy], outputs: [dx], attributes }) => {
  const derivative = DERIVATIVES[stringAttribute(attributes, "kind") as UnaryKind](e.model, e.name(x));
  e.bind(dx, e.model.node("Mul", [derivative, e.name(dy)]));
};

export const emitBinary: EmitNode = (e, { inputs: [a, b], outputs: [y], attributes }) => {
  e.bind(y, e.model.node(BINARY[stringAttribute(attributes, "kind") as BinaryKind], [e.name(a), e.name(b)]));
};

export const emitScale: EmitNode = (e, { inputs: [x], outputs: [y], attributes }) => {
  e.bind(y, e.model.node("Mul", [e.name(x), e.model.scalar(numberAttribute(attributes, "factor"))]));
};

export const emitSumRows: EmitNode = (e, { inputs: [x], outputs: [y] }) => {
  const axes = e
    .shape(x)
    .slice(0, -1)
    .map((_, i) => i);
  e.bind(y, e.model.node("ReduceSum", [e.name(x), e.model.integers(axes)], { keepdims: 0 }));
};

export const emitSumAll: EmitNode = (e, { inputs: [x], outputs: [y] }) => {
  e.bind(y, e.model.node("ReduceSum", [e.name(x)], { keepdims: 0 }));
};

export const emitBroadcastAll: EmitNode = (e, { inputs: [x], outputs: [y] }) => {
  e.bind(y, e.model.node("Expand", [e.name(x), e.model.integers(e.shape(y))]));
};
