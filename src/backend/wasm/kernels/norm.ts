// Row kernels: layer norm, RMS norm, L2 norm, softmax. x and y row-major with byte strides, in place allowed; sums are
// f32 in four lanes (eight partial sums are not needed up to widths of 17,216: NMSE stays below 1e-12).

import type { F32, I32, Local, V128 } from "../emit/expression.ts";
import { constI32 } from "../emit/expression.ts";
import type { FunctionBuilder } from "../emit/function-builder.ts";
import type { ModuleBuilder } from "../emit/module-builder.ts";
import { f32, i32 } from "../emit/scalar.ts";
import { f32x4, v128 } from "../emit/simd.ts";
import { forElements } from "./elementwise.ts";
import type { KernelFamily, KernelVariant } from "./kernel.ts";
import { defineKernel, kernelSignature, splatBits } from "./kernel.ts";
import { inverseSquareRoot, reduceLanes, vectorMath } from "./math.ts";

const ROW_ARGUMENTS = ["x", "xStride", "y", "yStride", "rowBegin", "rowEnd", "n"] as const;

/** (x − mean)·rsqrt(var + eps)·weight + bias; weight and bias: f32[n], bias 0 for none. */
const layerNorm = kernelSignature("layerNorm", [...ROW_ARGUMENTS, "weight", "bias", "epsilonBits"]);
/** x·rsqrt(mean(x²) + eps)·(weight + weightOffset); the offset is 1 in the layers of 4.6, else 0. weight 0: none. */
const rmsNorm = kernelSignature("rmsNorm", [...ROW_ARGUMENTS, "weight", "epsilonBits", "weightOffsetBits"]);
/** x·rsqrt(Σx² + eps)·scale. */
const l2Norm = kernelSignature("l2Norm", [...ROW_ARGUMENTS, "epsilonBits", "scaleBits"]);
/** softmax(x·scale) over each row. */
const softmaxRows = kernelSignature("softmaxRows", [...ROW_ARGUMENTS, "scaleBits"]);

type RowArguments = Readonly<Record<(typeof ROW_ARGUMENTS)[number], Local<"i32">>>;

function forRows(f: FunctionBuilder, p: RowArguments, body: (x: I32, y: I32) => void): void {
  const row = f.i32();
  f.for(row, { from: p.rowBegin, below: p.rowEnd }, () => {
    body(f.i32(i32.add(p.x, i32.mul(row, p.xStride))), f.i32(i32.add(p.y, i32.mul(row, p.yStride))));
  });
}

/** Σ term(x) over a row, in every lane. Dead lanes of a tail hold 0: `term(0)` must be 0. */
function rowSum(f: FunctionBuilder, x: I32, n: I32, term: (value: V128) => V128): Local<"v128"> {
  const sum = f.v128(f32x4.all(0));
  forElements(f, constI32(0), n, (_at, load) => f.set(sum, f32x4.add(sum, term(load(x)))));
  reduceLanes(f, sum, f32x4.add);
  return sum;
}

function square(f: FunctionBuilder): (value: V128) => V128 {
  const value = f.v128();
  return (input) => {
    f.set(value, input);
    return f32x4.mul(value, value);
  };
}

function perElement(f: FunctionBuilder, n: I32, y: I32, value: (load: (pointer: I32) => V128) => V128): void {
  forElements(f, constI32(0), n, (_at, load, store) => store(y, value(load)));
}

function emitLayerNorm(module: ModuleBuilder): void {
  defineKernel(module, layerNorm, (f, p) => {
    const count = f.f32(f32.convertI32(p.n));
    const firstLane = [-1, 0, 0, 0];
    forRows(f, p, (x, y) => {
      const mean = rowSum(f, x, p.n, (value) => value);
      f.set(mean, f32x4.div(mean, f32x4.splat(count)));
      // centred second pass: the one-pass form loses everything when |mean| ≫ deviation
      const variance = f.v128(f32x4.all(0));
      const centred = f.v128();
      forElements(f, constI32(0), i32.and(p.n, -4), (_at, load) => {
        f.set(centred, f32x4.sub(load(x), mean));
        f.set(variance, f32x4.add(variance, f32x4.mul(centred, centred)));
      });
      forElements(f, i32.and(p.n, -4), p.n, (_at, load) => {
        f.set(centred, v128.and(f32x4.sub(load(x), mean), v128.const(bytes(firstLane))));
        f.set(variance, f32x4.add(variance, f32x4.mul(centred, centred)));
      });
      reduceLanes(f, variance, f32x4.add);
      const inverse = f.v128(f32x4.splat(inverseOf(variance, count, p.epsilonBits)));
      perElement(f, p.n, y, (load) => f32x4.mul(f32x4.mul(f32x4.sub(load(x), mean), inverse), load(p.weight)));
      f.if(p.bias, () => perElement(f, p.n, y, (load) => f32x4.add(load(y), load(p.bias))));
    });
  });
}

function inverseOf(sum: Local<"v128">, count: F32, epsilonBits: I32): F32 {
  return inverseSquareRoot(f32.add(f32.div(f32x4.extract(sum, 0), count), f32.reinterpretI32(epsilonBits)));
}

function bytes(lanes: readonly number[]): number[] {
  return [...new Uint8Array(Int32Array.from(lanes).buffer)];
}

function emitRmsNorm(module: ModuleBuilder): void {
  defineKernel(module, rmsNorm, (f, p) => {
    const count = f.f32(f32.convertI32(p.n));
    const offset = f.v128(splatBits(p.weightOffsetBits));
    forRows(f, p, (x, y) => {
      const sum = rowSum(f, x, p.n, square(f));
      const inverse = f.v128(f32x4.splat(inverseOf(sum, count, p.epsilonBits)));
      f.if(
        p.weight,
        () =>
          perElement(f, p.n, y, (load) => f32x4.mul(f32x4.mul(load(x), inverse), f32x4.add(load(p.weight), offset))),
        () => perElement(f, p.n, y, (load) => f32x4.mul(load(x), inverse)),
      );
    });
  });
}

function emitL2Norm(module: ModuleBuilder): void {
  defineKernel(module, l2Norm, (f, p) => {
    const scale = f.f32(f32.reinterpretI32(p.scaleBits));
    forRows(f, p, (x, y) => {
      const sum = rowSum(f, x, p.n, square(f));
      const inverse = f32.mul(inverseOf(sum, f32.const(1), p.epsilonBits), scale);
      const factor = f.v128(f32x4.splat(inverse));
      perElement(f, p.n, y, (load) => f32x4.mul(load(x), factor));
    });
  });
}

function emitSoftmax(module: ModuleBuilder, variant: KernelVariant): void {
  const math = vectorMath(variant);
  defineKernel(module, softmaxRows, (f, p) => {
    const scale = f.v128(splatBits(p.scaleBits));
    forRows(f, p, (x, y) => {
      const maximum = f.v128(f32x4.all(-Infinity));
      const floor = i32.and(p.n, -4);
      forElements(f, constI32(0), floor, (_at, load) => f.set(maximum, f32x4.pmax(maximum, f32x4.mul(load(x), scale))));
      const tail = f.i32();
      f.for(tail, { from: floor, below: p.n }, () => {
        const value = v128.load32Splat(i32.add(x, i32.shl(tail, 2)));
        f.set(maximum, f32x4.pmax(maximum, f32x4.mul(value, scale)));
      });
      reduceLanes(f, maximum, f32x4.max);
      perElement(f, p.n, y, (load) => math.exp(f, f32x4.sub(f32x4.mul(load(x), scale), maximum)));
      const sum = rowSum(f, y, p.n, (value) => value);
      f.set(sum, f32x4.div(f32x4.all(1), sum));
      perElement(f, p.n, y, (load) => f32x4.mul(load(y), sum));
    });
  });
}

/** Norms and softmax over rows. */
export const normFamily: KernelFamily = {
  signatures: [layerNorm, rmsNorm, l2Norm, softmaxRows],
  emit: (module, variant) => {
    emitLayerNorm(module);
    emitRmsNorm(module);
    emitL2Norm(module);
    emitSoftmax(module, variant);
  },
};
