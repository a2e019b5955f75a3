import type { Local, V128 } from "../emit/expression.ts";
import type { FunctionBuilder } from "../emit/function-builder.ts";
import { i8x16, i16x8, i32x4 } from "../emit/simd.ts";
import type { KernelVariant } from "./kernel.ts";

/** Adds to each i32 lane of `sum` the dot product of four signed bytes of `a` with four bytes 0…127 of `b`. */
export type DotAdd = (f: FunctionBuilder, sum: Local<"v128">, a: V128, b: V128) => void;

const EVEN_WORDS = [0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27];
const ODD_WORDS = [4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31];

/** Largest value of the operand that is not signed. */
export type Unsigned = 15 | 31 | 63 | 127;

/**
 * How many products of a byte with 0…`largest` a 16-bit lane holds, in pairs: eight of nibbles, one of seven bits. The other byte is
 * −127…127 but beside seven bits, where −128 fits too.
 */
export function pairDepth(largest: Unsigned): number {
  return { 15: 8, 31: 4, 63: 2, 127: 1 }[largest];
}

/** Multiplies every pair by `factors` (i16, the same in both halves) and adds it to `sum`. */
export function addPairs(f: FunctionBuilder, sum: Local<"v128">, pairs: V128, factors: V128): void {
  f.set(sum, i32x4.add(sum, i32x4.dotI16x8S(pairs, factors)));
}

/** Factors that only widen. */
export const pairOnes = (f: FunctionBuilder): Local<"v128"> => f.hoist(i16x8.const([1, 1, 1, 1, 1, 1, 1, 1]));

/**
 * One instruction where the machine has it. Where it has not, the engine spells it out in five, two of which make a constant: `pairs`
 * keeps that constant and takes three. Plain SIMD takes eight. Exact integers, hence the same bits, in all.
 */
export function dotAdd(variant: KernelVariant): DotAdd {
  if (variant.relaxed && variant.pairs === true) {
    return (f, sum, a, b) => addPairs(f, sum, i16x8.relaxedDotI8x16I7x16S(a, b), pairOnes(f));
  }
  if (variant.relaxed) return (f, sum, a, b) => f.set(sum, i32x4.relaxedDotI8x16I7x16AddS(a, b, sum));
  return (f, sum, a, b) => {
    const [left, right] = [f.v128(a), f.v128(b)];
    const low = f.v128(i32x4.extaddPairwiseI16x8S(i16x8.extmulLowI8x16S(left, right)));
    const high = f.v128(i32x4.extaddPairwiseI16x8S(i16x8.extmulHighI8x16S(left, right)));
    const pairs = i32x4.add(i8x16.shuffle(low, high, EVEN_WORDS), i8x16.shuffle(low, high, ODD_WORDS));
    f.set(sum, i32x4.add(sum, pairs));
  };
}
