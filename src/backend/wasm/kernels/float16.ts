import type { Local, V128 } from "../emit/expression.ts";
import type { FunctionBuilder } from "../emit/function-builder.ts";
import { f32x4, i8x16, i32x4, v128 } from "../emit/simd.ts";

const word = (f: FunctionBuilder, value: number): V128 => f.hoist(i32x4.const([value, value, value, value]));

/**
 * Four f16 in the low half-words of i32 lanes to f32, exact for all finite values. WebAssembly has no f16 load. The
 * subnormal branch subtracts 2^-14 instead of multiplying a denormal, which costs an assist on many cores.
 */
export function widenF16(f: FunctionBuilder, halves: V128): Local<"v128"> {
  const input = f.v128(halves);
  const magnitude = f.v128(v128.and(input, word(f, 0x7fff)));
  const normal = f.v128(i32x4.add(i32x4.shl(magnitude, 13), word(f, 112 << 23)));
  const subnormal = f32x4.sub(i32x4.add(normal, word(f, 1 << 23)), f.hoist(f32x4.all(2 ** -14)));
  f.set(normal, v128.bitselect(subnormal, normal, i32x4.gtS(word(f, 0x400), magnitude)));
  f.set(normal, v128.or(normal, i32x4.shl(v128.and(input, word(f, 0x8000)), 16)));
  return normal;
}

/** The same in four instructions, for values that `narrowF16` wrote: f16 subnormals would meet a denormal multiplication. */
export function widenNormalF16(f: FunctionBuilder, halves: V128): V128 {
  const shifted = v128.and(i32x4.shrS(i32x4.shl(halves, 16), 3), word(f, 0x8fffe000));
  return f32x4.mul(shifted, f.hoist(f32x4.all(2 ** 112)));
}

/**
 * Four f32 to f16 bits in i32 lanes, nearest even. Beyond ±65504 saturates: an infinity in a cache poisons every later
 * token. Below 2^-14 becomes zero, so that the cache holds no subnormals (`widenNormalF16`).
 */
export function narrowF16(f: FunctionBuilder, values: V128): Local<"v128"> {
  const input = f.v128(values);
  const magnitude = f.v128(i32x4.minS(v128.and(input, word(f, 0x7fffffff)), word(f, 0x477fe000)));
  const odd = v128.and(i32x4.shrU(magnitude, 13), word(f, 1));
  const normal = f.v128(i32x4.shrU(i32x4.add(i32x4.add(magnitude, word(f, 0xc8000fff)), odd), 13));
  f.set(normal, v128.andnot(normal, i32x4.gtS(word(f, 0x38800000), magnitude)));
  f.set(normal, v128.or(normal, v128.and(i32x4.shrU(input, 16), word(f, 0x8000))));
  return normal;
}

/** Low half-words of the four i32 lanes, twice: store the low 64 bits. */
export function packHalves(value: V128): V128 {
  return i8x16.shuffle(value, value, [0, 1, 4, 5, 8, 9, 12, 13, 0, 1, 4, 5, 8, 9, 12, 13]);
}
