// Elementwise kernels over contiguous f32 elements [begin, end); in place is allowed. Any begin and end: the last 1…3
// elements go through the same vector code with one live lane, so results do not depend on how a range is cut.

import type { I32, Local, V128 } from "../emit/expression.ts";
import { constI32 } from "../emit/expression.ts";
import type { FunctionBuilder } from "../emit/function-builder.ts";
import type { ModuleBuilder } from "../emit/module-builder.ts";
import { i32 } from "../emit/scalar.ts";
import { f32x4, v128 } from "../emit/simd.ts";
import type { KernelFamily, KernelVariant } from "./kernel.ts";
import { defineKernel, kernelSignature, splatBits } from "./kernel.ts";
import type { VectorMath } from "./math.ts";
import { vectorMath } from "./math.ts";

type Unary = (f: FunctionBuilder, math: VectorMath, a: V128) => V128;
type Binary = (f: FunctionBuilder, math: VectorMath, a: V128, b: V128) => V128;

const UNARY: Readonly<Record<string, Unary>> = {
  exp: (f, math, a) => math.exp(f, a),
  sigmoid: (f, math, a) => math.sigmoid(f, a),
  tanh: (f, math, a) => math.tanh(f, a),
  softplus: (f, math, a) => math.softplus(f, a),
  geluTanh: (f, math, a) => math.geluTanh(f, a),
  geluErf: (f, math, a) => math.geluErf(f, a),
  silu: (f, math, a) => siluOf(f, math, a),
};

const BINARY: Readonly<Record<string, Binary>> = {
  add: (_f, _math, a, b) => f32x4.add(a, b),
  sub: (_f, _math, a, b) => f32x4.sub(a, b),
  mul: (_f, _math, a, b) => f32x4.mul(a, b),
  /** silu(a)·b: the gated MLP. */
  siluMul: (f, math, a, b) => f32x4.mul(siluOf(f, math, a), b),
  /** a·sigmoid(b): the attention gate of 4.6. */
  mulSigmoid: (f, math, a, b) => f32x4.mul(a, math.sigmoid(f, b)),
};

function siluOf(f: FunctionBuilder, math: VectorMath, a: V128): V128 {
  const value = f.v128(a);
  return f32x4.mul(value, math.sigmoid(f, value));
}

const unarySignature = (name: string) => kernelSignature(name, ["x", "y", "begin", "end"]);
const binarySignature = (name: string) => kernelSignature(name, ["a", "b", "y", "begin", "end"]);
/** y = x·factor + offset. */
const scaleSignature = kernelSignature("scale", ["x", "y", "begin", "end", "factorBits", "offsetBits"]);
/** y[M,N] = a[M,N] op row[N], rows [rowBegin, rowEnd), contiguous. */
const rowSignature = (name: string) => kernelSignature(name, ["a", "row", "y", "rowBegin", "rowEnd", "n"]);
const ROW_KERNELS = { addRow: f32x4.add, mulRow: f32x4.mul } as const;

/** Runs `body` over elements [begin, end): four at a time, then one at a time in lane 0. */
export function forElements(
  f: FunctionBuilder,
  begin: I32,
  end: I32,
  body: (byteOffset: I32, load: (pointer: I32) => V128, store: (pointer: I32, value: V128) => void) => void,
): void {
  const at = f.i32(i32.shl(begin, 2));
  const vectorEnd = f.i32(i32.sub(i32.shl(end, 2), 12));
  f.while(i32.ltS(at, vectorEnd), () => {
    body(
      at,
      (pointer) => v128.load(i32.add(pointer, at)),
      (pointer, value) => f.emit(v128.store(i32.add(pointer, at), value)),
    );
    f.advance(at, 16);
  });
  f.while(i32.ltS(at, i32.add(vectorEnd, 12)), () => {
    body(
      at,
      (pointer) => v128.load32Zero(i32.add(pointer, at)),
      (pointer, value) => f.emit(v128.store32Lane(i32.add(pointer, at), value, 0)),
    );
    f.advance(at, 4);
  });
}

function emitElementwise(module: ModuleBuilder, variant: KernelVariant): void {
  const math = vectorMath(variant);
  for (const [name, op] of Object.entries(UNARY)) {
    defineKernel(module, unarySignature(name), (f, p) =>
      forElements(f, p.begin, p.end, (_at, load, store) => store(p.y, op(f, math, load(p.x)))),
    );
  }
  for (const [name, op] of Object.entries(BINARY)) {
    defineKernel(module, binarySignature(name), (f, p) =>
      forElements(f, p.begin, p.end, (_at, load, store) => store(p.y, op(f, math, load(p.a), load(p.b)))),
    );
  }
  defineKernel(module, scaleSignature, (f, p) => {
    const factor = f.v128(splatBits(p.factorBits));
    const offset = f.v128(splatBits(p.offsetBits));
    forElements(f, p.begin, p.end, (_at, load, store) => store(p.y, f32x4.add(f32x4.mul(load(p.x), factor), offset)));
  });
  emitRowKernels(module);
}

function emitRowKernels(module: ModuleBuilder): void {
  for (const [name, op] of Object.entries(ROW_KERNELS)) {
    defineKernel(module, rowSignature(name), (f, p) => {
      const row = f.i32();
      f.for(row, { from: p.rowBegin, below: p.rowEnd }, () => {
        const base = f.i32(i32.mul(i32.mul(row, p.n), 4));
        const a: Local<"i32"> = f.i32(i32.add(p.a, base));
        const y = f.i32(i32.add(p.y, base));
        forElements(f, constI32(0), p.n, (_at, load, store) => store(y, op(load(a), load(p.row))));
      });
    });
  }
}

/** Elementwise kernels; names and arguments are listed in the README. */
export const elementwiseFamily: KernelFamily = {
  signatures: [
    ...Object.keys(UNARY).map(unarySignature),
    ...Object.keys(BINARY).map(binarySignature),
    scaleSignature,
    ...Object.keys(ROW_KERNELS).map(rowSignature),
  ],
  emit: emitElementwise,
};
