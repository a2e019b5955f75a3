import type { I32, Local, V128 } from "../emit/expression.ts";
import type { FunctionBuilder } from "../emit/function-builder.ts";
import type { ModuleBuilder } from "../emit/module-builder.ts";
import { f32 } from "../emit/scalar.ts";
import { f32x4 } from "../emit/simd.ts";

/** What a kernel module is built for. Every variant exports the same names with the same arguments. */
export interface KernelVariant {
  /** Relaxed SIMD: fused multiply-add and the 8-bit dot product. */
  readonly relaxed: boolean;
  /** Relaxed only: byte products are added in 16 bits as long as they fit, for processors without an instruction for their sums of four. */
  readonly pairs?: boolean;
  /** Imports a shared memory. */
  readonly threads: boolean;
}

/**
 * Name and arguments of an exported kernel. All arguments are i32: byte addresses, byte strides, counts, flags; an
 * argument whose name ends in `Bits` is an f32 handed over as its bits, so that a plan is one Int32Array.
 */
export interface KernelSignature<P extends string = string> {
  readonly name: string;
  readonly parameters: readonly P[];
}

/** A file's share of the kernel module. */
export interface KernelFamily {
  readonly signatures: readonly KernelSignature[];
  emit(module: ModuleBuilder, variant: KernelVariant): void;
}

/** Checks nothing; exists so that parameter names become a type. */
export function kernelSignature<const P extends string>(name: string, parameters: readonly P[]): KernelSignature<P> {
  return { name, parameters };
}

/** Emits an exported kernel; the body gets its parameters by name. */
export function defineKernel<P extends string>(
  module: ModuleBuilder,
  signature: KernelSignature<P>,
  body: (f: FunctionBuilder, parameters: Readonly<Record<P, Local<"i32">>>) => void,
): void {
  const { name, parameters } = signature;
  module.function(
    parameters.map(() => "i32"),
    { name },
    (f) => {
      const locals = parameters.map((parameter, index) => [parameter, f.parameter(index, "i32")] as const);
      body(f, Object.fromEntries(locals) as Record<P, Local<"i32">>);
    },
  );
}

/** a·b + c: one instruction where relaxed SIMD is allowed, two roundings otherwise. */
export function multiplyAdd(variant: KernelVariant): (a: V128, b: V128, c: V128) => V128 {
  return variant.relaxed ? f32x4.relaxedMadd : (a, b, c) => f32x4.add(f32x4.mul(a, b), c);
}

/** All four lanes hold the float whose bits an argument carries. */
export function splatBits(bits: I32): V128 {
  return f32x4.splat(f32.reinterpretI32(bits));
}
