// What precedes a quantised linear and its quantiser in one pass over memory: each row goes through scratch (a few kB, first-
// level cache) instead of a tensor. The two kernels themselves are called, so the bytes are those of the two steps.

import { constI32 } from "../emit/expression.ts";
import type { ModuleBuilder } from "../emit/module-builder.ts";
import { i32 } from "../emit/scalar.ts";
import type { KernelFamily } from "./kernel.ts";
import { defineKernel, kernelSignature } from "./kernel.ts";
import type { ActivationKind } from "./quantise-activations.ts";

const KINDS: readonly ActivationKind[] = ["i8x256", "i8x32", "u7x32", "u7x128"];
const ACTIVATIONS = ["geluTanh", "geluErf"] as const;

const quantiserName = (kind: ActivationKind): string => `quantise${kind.toUpperCase().replace("X", "x")}`;
const fusedName = (first: string, kind: ActivationKind): string => first + quantiserName(kind).replace("q", "Q");

/** Quantises f(x); x f32 rows, stride in bytes; y records as of the quantiser; scratch f32[k] of the thread, 16-byte aligned. */
const activationSignature = (name: string, kind: ActivationKind) =>
  kernelSignature(fusedName(name, kind), ["x", "xStride", "y", "rowBegin", "rowEnd", "k", "scratch"]);

/** Quantises a(x, b), rows of both; strides in bytes. */
const gatedSignature = (kind: ActivationKind) =>
  kernelSignature(fusedName("siluMul", kind), [
    "a",
    "aStride",
    "b",
    "bStride",
    "y",
    "rowBegin",
    "rowEnd",
    "k",
    "scratch",
  ]);

const NORMS = {
  layerNorm: ["weight", "bias", "epsilonBits"],
  rmsNorm: ["weight", "epsilonBits", "weightOffsetBits"],
} as const;
const normSignature = (name: keyof typeof NORMS, kind: ActivationKind) =>
  kernelSignature(fusedName(name, kind), [
    "x",
    "xStride",
    "y",
    "rowBegin",
    "rowEnd",
    "k",
    ...NORMS[name],
    "scratch",
  ] as const);

function emitActivation(module: ModuleBuilder, name: (typeof ACTIVATIONS)[number], kind: ActivationKind): void {
  const [first, quantise] = [module.exported(name), module.exported(quantiserName(kind))];
  defineKernel(module, activationSignature(name, kind), (f, p) => {
    const row = f.i32();
    f.for(row, { from: p.rowBegin, below: p.rowEnd }, () => {
      const x = i32.add(p.x, i32.mul(row, p.xStride));
      f.emit(first.call(x, p.scratch, constI32(0), p.k));
      f.emit(quantise.call(p.scratch, constI32(0), p.y, row, i32.add(row, 1), p.k));
    });
  });
}

function emitGated(module: ModuleBuilder, kind: ActivationKind): void {
  const [first, quantise] = [module.exported("siluMul"), module.exported(quantiserName(kind))];
  defineKernel(module, gatedSignature(kind), (f, p) => {
    const row = f.i32();
    f.for(row, { from: p.rowBegin, below: p.rowEnd }, () => {
      const [a, b] = [i32.add(p.a, i32.mul(row, p.aStride)), i32.add(p.b, i32.mul(row, p.bStride))];
      f.emit(first.call(a, b, p.scratch, constI32(0), p.k));
      f.emit(quantise.call(p.scratch, constI32(0), p.y, row, i32.add(row, 1), p.k));
    });
  });
}

function emitNorm(module: ModuleBuilder, name: keyof typeof NORMS, kind: ActivationKind): void {
  const [first, quantise] = [module.exported(name), module.exported(quantiserName(kind))];
  const signature = normSignature(name, kind);
  defineKernel(module, signature, (f, p) => {
    const row = f.i32();
    const extra = signature.parameters.slice(6, 9).map((parameter) => p[parameter]);
    f.for(row, { from: p.rowBegin, below: p.rowEnd }, () => {
      const [next, zero] = [i32.add(row, 1), constI32(0)];
      f.emit(first.call(p.x, p.xStride, p.scratch, zero, row, next, p.k, ...extra));
      f.emit(quantise.call(p.scratch, zero, p.y, row, next, p.k));
    });
  });
}

const NORM_NAMES = ["layerNorm", "rmsNorm"] as const;

/** Activations, gated products and norms that end in a quantiser; emitted after the kernels they call. */
export const fusedFamily: KernelFamily = {
  signatures: KINDS.flatMap((kind) => [
    ...ACTIVATIONS.map((name) => activationSignature(name, kind)),
    gatedSignature(kind),
    ...NORM_NAMES.map((name) => normSignature(name, kind)),
  ]),
  emit: (module) => {
    for (const kind of KINDS) {
      for (const name of ACTIVATIONS) emitActivation(module, name, kind);
      emitGated(module, kind);
      for (const name of NORM_NAMES) emitNorm(module, name, kind);
    }
  },
};
