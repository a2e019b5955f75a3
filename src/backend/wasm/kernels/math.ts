import type { F32, Local, V128 } from "../emit/expression.ts";
import type { FunctionBuilder } from "../emit/function-builder.ts";
import { f32 } from "../emit/scalar.ts";
import { f32x4, i8x16, i32x4, v128 } from "../emit/simd.ts";
import type { KernelVariant } from "./kernel.ts";
import { multiplyAdd } from "./kernel.ts";

/** Inline vector mathematics: each call emits code into `f` and returns the local that holds the result. */
export interface VectorMath {
  /** e^x, relative error below 3e-7; 0 below −87.3, 2.4e38 above 88.4; NaN gives 0. */
  exp(f: FunctionBuilder, x: V128): Local<"v128">;
  /** 1 / (1 + e^−x), relative error below 1e-6. */
  sigmoid(f: FunctionBuilder, x: V128): Local<"v128">;
  /** Relative error below 1e-6, small arguments included. */
  tanh(f: FunctionBuilder, x: V128): Local<"v128">;
  /** ln(1 + e^x), absolute error below 1e-6. */
  softplus(f: FunctionBuilder, x: V128): Local<"v128">;
  /** x·Φ(x) by erf, and its tanh approximation (§1.1 of the SigLIP notes). */
  geluErf(f: FunctionBuilder, x: V128): Local<"v128">;
  geluTanh(f: FunctionBuilder, x: V128): Local<"v128">;
}

const LN2_HIGH = 0.693359375; // 9 bits: n · LN2_HIGH is exact for |n| < 2^15
const LN2_LOW = Math.LN2 - LN2_HIGH;
const ROUNDING = 12582912; // 1.5 · 2^23
const EXP_MINIMUM = -87.3;
const EXP_MAXIMUM = 88.37;
const TAYLOR_EXP = [1, 1, 1 / 2, 1 / 6, 1 / 24, 1 / 120, 1 / 720]; // |r| ≤ ln2/2: the tail is below 1.3e-7
const TAYLOR_TANH = [1, -1 / 3, 2 / 15, -17 / 315, 62 / 2835, -1382 / 155925, 21844 / 6081075]; // |x| ≤ 0.5
// e^{z²}·erfc(z) = Σ c_i w^i, t = 1 / (1 + z/2) in [0.16, 1] mapped to w in [−1, 1]: our own Chebyshev interpolation
// in float64; relative error 3e-8, 6e-7 when evaluated in f32. Beyond t < 0.16 (z > 10.5) e^{−z²} is 0 in f32.
const ERFCX = [
  0.33025706, 0.428920675, 0.197461071, 0.0471371893, -0.00102010523, -0.00304601685, 0.0000785252344, 0.000261615528,
  -0.0000364114974, -0.0000194138625, 0.00000581111509,
];
const ERFCX_MIDDLE = 0.58;
const ERFCX_HALF_WIDTH = 0.42;

/** The constant in all lanes. */
function all(f: FunctionBuilder, value: number): Local<"v128"> {
  return f.hoist(f32x4.all(value));
}

type Madd = (a: V128, b: V128, c: V128) => V128;

/** Vector mathematics of a variant; plain and relaxed differ in the last bits. */
export function vectorMath(variant: KernelVariant): VectorMath {
  const madd = multiplyAdd(variant);
  const exp = (f: FunctionBuilder, x: V128): Local<"v128"> => emitExp(f, madd, x);
  const sigmoid = (f: FunctionBuilder, x: V128): Local<"v128"> => {
    const e = exp(f, f32x4.neg(x));
    f.set(e, f32x4.div(all(f, 1), f32x4.add(all(f, 1), e)));
    return e;
  };
  return {
    exp,
    sigmoid,
    tanh: (f, x) => emitTanh(f, madd, x),
    softplus: (f, x) => emitSoftplus(f, madd, x),
    geluErf: (f, x) => emitGeluErf(f, madd, x),
    geluTanh: (f, x) => {
      // 0.5 x (1 + tanh u) = x · sigmoid(2u), which keeps its accuracy for large negative x
      const value = f.v128(x);
      const square = f32x4.mul(value, value);
      const doubled = 2 * Math.sqrt(2 / Math.PI);
      const inner = madd(square, all(f, 0.044715 * doubled), all(f, doubled));
      const result = sigmoid(f, f.v128(f32x4.mul(value, inner)));
      f.set(result, f32x4.mul(value, result));
      return result;
    },
  };
}

function polynomial(f: FunctionBuilder, madd: Madd, coefficients: readonly number[], x: V128): Local<"v128"> {
  const [highest = 0, ...rest] = coefficients.toReversed();
  const sum = f.v128(all(f, highest));
  for (const coefficient of rest) f.set(sum, madd(sum, x, all(f, coefficient)));
  return sum;
}

function emitExp(f: FunctionBuilder, madd: Madd, x: V128): Local<"v128"> {
  const input = f.v128(x);
  const clamped = f.v128(f32x4.pmin(all(f, EXP_MAXIMUM), f32x4.pmax(all(f, EXP_MINIMUM), input)));
  // adding 1.5·2^23 rounds to an integer and leaves it in the low bits: no rounding or conversion instruction
  const shifted = f.v128(madd(clamped, all(f, Math.LOG2E), all(f, ROUNDING)));
  const n = f.v128(f32x4.sub(shifted, all(f, ROUNDING)));
  const r = f.v128(madd(n, all(f, -LN2_HIGH), clamped));
  f.set(r, madd(n, all(f, -LN2_LOW), r));
  const sum = polynomial(f, madd, TAYLOR_EXP, r);
  // times 2^n: n is added to the exponent bits, the rest of ROUNDING is shifted out
  f.set(sum, v128.and(i32x4.add(sum, i32x4.shl(shifted, 23)), f32x4.ge(input, all(f, EXP_MINIMUM))));
  return sum;
}

/** Nearest integer, ties to even, of values below 2^22 in magnitude; others give some integer. */
export function roundToInteger(f: FunctionBuilder, value: V128): V128 {
  return i32x4.sub(f32x4.add(value, all(f, ROUNDING)), f.hoist(f32x4.all(ROUNDING)));
}

function emitTanh(f: FunctionBuilder, madd: Madd, x: V128): Local<"v128"> {
  const input = f.v128(x);
  const magnitude = f.v128(f32x4.abs(input));
  const series = polynomial(f, madd, TAYLOR_TANH, f.v128(f32x4.mul(input, input)));
  f.set(series, f32x4.mul(series, input));
  const e = emitExp(f, madd, f32x4.add(magnitude, magnitude));
  const large = f32x4.sub(all(f, 1), f32x4.div(all(f, 2), f32x4.add(e, all(f, 1))));
  const signed = v128.or(large, v128.and(input, all(f, -0)));
  return f.v128(v128.bitselect(series, signed, f32x4.lt(magnitude, all(f, 0.5))));
}

function emitSoftplus(f: FunctionBuilder, madd: Madd, x: V128): Local<"v128"> {
  // max(x, 0) + ln(1 + e^−|x|); ln(1 + e) = 2 artanh(e / (2 + e)) with the argument at most 1/3
  const input = f.v128(x);
  const e = emitExp(f, madd, f32x4.neg(f32x4.abs(input)));
  const s = f.v128(f32x4.div(e, f32x4.add(e, all(f, 2))));
  const square = f.v128(f32x4.mul(s, s));
  const series = polynomial(f, madd, [2, 2 / 3, 2 / 5, 2 / 7, 2 / 9, 2 / 11, 2 / 13], square);
  f.set(series, madd(series, s, f32x4.max(input, all(f, 0))));
  return series;
}

function emitGeluErf(f: FunctionBuilder, madd: Madd, x: V128): Local<"v128"> {
  // x Φ(x); Φ(−|x|) = erfc(|x|/√2) / 2 keeps relative accuracy in the tail, Φ(|x|) = 1 − Φ(−|x|)
  const input = f.v128(x);
  const z = f.v128(f32x4.mul(f32x4.abs(input), all(f, Math.SQRT1_2)));
  const t = f.v128(f32x4.div(all(f, 1), madd(z, all(f, 0.5), all(f, 1))));
  f.set(t, madd(t, all(f, 1 / ERFCX_HALF_WIDTH), all(f, -ERFCX_MIDDLE / ERFCX_HALF_WIDTH)));
  const tail = polynomial(f, madd, ERFCX, t);
  // x²/2 from x, not from the rounded z: the exponent would carry both roundings
  const decay = emitExp(f, madd, f32x4.mul(f32x4.mul(input, input), all(f, -0.5)));
  f.set(tail, f32x4.mul(f32x4.mul(tail, decay), all(f, 0.5)));
  const phi = v128.bitselect(tail, f32x4.sub(all(f, 1), tail), f32x4.lt(input, all(f, 0)));
  f.set(tail, f32x4.mul(input, phi));
  return tail;
}

const SWAP_HALVES = [8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7];
const SWAP_PAIRS = [4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11];

/** Reduces four lanes in a fixed order ((0+2)+(1+3)); every lane of `x` holds the result afterwards. */
export function reduceLanes(f: FunctionBuilder, x: Local<"v128">, combine: (a: V128, b: V128) => V128): void {
  f.set(x, combine(x, i8x16.shuffle(x, x, SWAP_HALVES)));
  f.set(x, combine(x, i8x16.shuffle(x, x, SWAP_PAIRS)));
}

/** 1 / sqrt(x) by a division, correctly rounded twice. */
export function inverseSquareRoot(x: F32): F32 {
  return f32.div(1, f32.sqrt(x));
}
