/** Elementwise functions of one variable. */
export type UnaryKind = "gelu" | "geluErf" | "silu" | "sigmoid" | "softplus" | "exp" | "tanh";

/** Elementwise functions of two variables. */
export type BinaryKind = "add" | "subtract" | "multiply";

interface UnaryFunction {
  readonly value: (x: number) => number;
  readonly derivative: (x: number) => number;
}

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
const normalDensity = (x: number): number => Math.exp(-0.5 * x * x) / Math.sqrt(2 * Math.PI);
const normalDistribution = (x: number): number => 0.5 * (1 + erf(x / Math.SQRT2));

// GELU's tanh approximation: arXiv:1606.08415 §2
const GELU_SCALE = Math.sqrt(2 / Math.PI);
const GELU_CUBIC = 0.044715;

/** Value and derivative of each function, in float64. */
export const UNARY: Readonly<Record<UnaryKind, UnaryFunction>> = {
  gelu: {
    value: (x) => 0.5 * x * (1 + Math.tanh(GELU_SCALE * (x + GELU_CUBIC * x ** 3))),
    derivative: (x) => {
      const t = Math.tanh(GELU_SCALE * (x + GELU_CUBIC * x ** 3));
      return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * GELU_SCALE * (1 + 3 * GELU_CUBIC * x * x);
    },
  },
  geluErf: {
    value: (x) => x * normalDistribution(x),
    derivative: (x) => normalDistribution(x) + x * normalDensity(x),
  },
  silu: {
    value: (x) => x * sigmoid(x),
    derivative: (x) => sigmoid(x) * (1 + x * (1 - sigmoid(x))),
  },
  sigmoid: { value: sigmoid, derivative: (x) => sigmoid(x) * (1 - sigmoid(x)) },
  softplus: {
    // max(x, 0) + log1p(e^−|x|) neither overflows nor loses small values
    value: (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))),
    derivative: sigmoid,
  },
  exp: { value: Math.exp, derivative: Math.exp },
  tanh: { value: Math.tanh, derivative: (x) => 1 - Math.tanh(x) ** 2 },
};

export const BINARY: Readonly<Record<BinaryKind, (a: number, b: number) => number>> = {
  add: (a, b) => a + b,
  subtract: (a, b) => a - b,
  multiply: (a, b) => a * b,
};

/** Error function to about 1e-15: power series near zero, continued fraction of erfc beyond. */
export function erf(x: number): number {
  const a = Math.abs(x);
  if (a > 6) return Math.sign(x);
  return Math.sign(x) * (a < 2.5 ? erfSeries(a) : 1 - erfcFraction(a));
}

function erfSeries(x: number): number {
  let term = x;
  let sum = x;
  for (let n = 1; n < 100; n++) {
    term *= (-x * x) / n;
    const next = term / (2 * n + 1);
    sum += next;
    if (Math.abs(next) < 1e-17 * Math.abs(sum)) break;
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
}

// Lentz-free backward evaluation: 60 terms suffice for x ≥ 2.5
function erfcFraction(x: number): number {
  let tail = 0;
  for (let n = 60; n >= 1; n--) tail = n / 2 / (x + tail);
  return Math.exp(-x * x) / Math.sqrt(Math.PI) / (x + tail);
}
