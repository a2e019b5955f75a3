// Blocks of 32 with one f16 scale (Q8_0, Q4_0, Q4_1) as panels. Q8_0: the weight stays i8, activations take the 7-bit side
// with a zero point, corrected by sums of the weights made on the fly. Q4_0: nibbles take the 7-bit side, the −8 is
// corrected by the activation sums. Q4_1: the same sums times the block's minimum, a second f16, are added in f32.
import type { I32, Local, V128 } from "../emit/expression.ts";
import type { FunctionBuilder } from "../emit/function-builder.ts";
import { i32 } from "../emit/scalar.ts";
import { f32x4, i8x16, i16x8, i32x4, v128 } from "../emit/simd.ts";
import { widenF16 } from "./float16.ts";
import type { DotAdd } from "./int8-dot.ts";
import { pairOnes } from "./int8-dot.ts";
import { ACTIVATION_RECORDS } from "./quantise-activations.ts";
import type { FloatBlocks } from "./tile-int8.ts";

/** A format of blocks of 32. */
export interface FloatBlockFormat {
  readonly kind: "Q8_0" | "Q4_0" | "Q4_1";
  /** Bytes of a panel block: d f16[4], Q4_1's minimum f16[4], then vectors of 4 columns × 4 bytes. */
  readonly blockBytes: number;
  /** Offset of the first vector. */
  readonly values: number;
  readonly core: FloatBlocks;
}

/** Blocks unpacked at once: 256 of K. */
export const CHUNK_BLOCKS = 8;
const WEIGHTS_OF_BLOCK = 256;
const SCALES = CHUNK_BLOCKS * WEIGHTS_OF_BLOCK;
const CORRECTIONS = SCALES + CHUNK_BLOCKS * 32;
const VECTORS = 8;
const SCALE_OFFSET = 128;
const EXTRA_OFFSET = 144;

const shared = {
  block: 32,
  weightStride: WEIGHTS_OF_BLOCK,
  scaleStride: 32,
  scales: SCALES,
  recordBytes: ACTIVATION_RECORDS.i8x32.bytes,
} as const;

/** Q8_0: 34 bytes a row. */
export const q8Zero: FloatBlockFormat = {
  kind: "Q8_0",
  blockBytes: 136,
  values: 8,
  core: { ...shared, side: "activations", largest: 127, correction: { kind: "zero point", offset: CORRECTIONS } },
};

/** Q4_0: 18 bytes a row. */
export const q4Zero: FloatBlockFormat = {
  kind: "Q4_0",
  blockBytes: 72,
  values: 8,
  core: { ...shared, side: "weights", largest: 15, correction: { kind: "nibble" } },
};

/** Q4_1: 20 bytes a row. */
export const q4One: FloatBlockFormat = {
  kind: "Q4_1",
  blockBytes: 80,
  values: 16,
  core: { ...shared, side: "weights", largest: 15, correction: { kind: "minimum", offset: CORRECTIONS } },
};

const NIBBLE_MASK = i8x16.const(Array.from({ length: 16 }, () => 15));
const ONES = i8x16.const(Array.from({ length: 16 }, () => 1));

function nibbles(f: FunctionBuilder, v: V128): readonly [V128, V128] {
  return [v128.and(v, f.hoist(NIBBLE_MASK)), v128.and(i16x8.shrU(v, 4), f.hoist(NIBBLE_MASK))];
}

/** Writes columns [4·half, 4·half + 4) of up to CHUNK_BLOCKS blocks at `scratch`. */
export function unpackFloatBlocks(
  f: FunctionBuilder,
  format: FloatBlockFormat,
  dot: DotAdd,
  {
    from,
    count,
    scratch,
    half,
  }: { readonly from: I32; readonly count: I32; readonly scratch: I32; readonly half: 0 | 1 },
): void {
  const [index, block] = [f.i32(), f.i32(from)];
  const [to, scaleTo] = [f.i32(i32.add(scratch, half * 16)), f.i32(i32.add(scratch, half * 16))];
  const ones = f.v128(ONES);
  f.for(index, { from: 0, below: count }, () => {
    f.emit(v128.store(scaleTo, widenF16(f, v128.load16x4U(block)), SCALES));
    if (format.kind === "Q8_0") {
      const sum = f.v128(i32x4.splat(0));
      for (let i = 0; i < VECTORS; i++) {
        const weights = f.v128(v128.load(block, format.values + i * 16));
        dot(f, sum, weights, ones);
        f.emit(v128.store(to, weights, i * 32));
      }
      f.emit(v128.store(scaleTo, sum, CORRECTIONS));
    } else {
      if (format.kind === "Q4_1") f.emit(v128.store(scaleTo, widenF16(f, v128.load16x4U(block, 8)), CORRECTIONS));
      for (let i = 0; i < VECTORS / 2; i++) {
        const [low, high] = nibbles(f, f.v128(v128.load(block, format.values + i * 16)));
        f.emit(v128.store(to, low, i * 32), v128.store(to, high, (i + VECTORS / 2) * 32));
      }
    }
    f.advance(block, 2 * format.blockBytes);
    f.advance(to, WEIGHTS_OF_BLOCK);
    f.advance(scaleTo, 32);
  });
}

/** Operands of one block of the matrix-vector walk. */
export interface FloatBlockWalk {
  readonly panels: readonly I32[];
  /** The row's own words of the record. */
  readonly x: I32;
  /** sums[p] += contribution of panel p. */
  readonly sums: readonly Local<"v128">[];
  /** Sums of Q8_0's weights in 16 bits, widened once a block: eight k-steps of two bytes each fit by far. */
  readonly isPaired: boolean;
}

/** One block of the matrix-vector walk. */
export function walkFloatBlock(
  f: FunctionBuilder,
  format: FloatBlockFormat,
  dot: DotAdd,
  { panels, x, sums, isPaired }: FloatBlockWalk,
): void {
  const extra = f.v128(i32x4.neg(v128.load32Splat(x, EXTRA_OFFSET / 4)));
  const scale = f.v128(v128.load32Splat(x, SCALE_OFFSET / 4));
  const isBytes = format.kind === "Q8_0";
  const dots = panels.map(() => f.v128(format.kind === "Q4_0" ? i32x4.shl(extra, 3) : i32x4.splat(0)));
  const weightSums = panels.map(() => f.v128(i32x4.splat(0)));
  const ones = f.hoist(ONES);
  const addWeights = (sum: Local<"v128">, weights: V128): void => {
    if (isPaired) f.set(sum, i16x8.add(sum, i16x8.relaxedDotI8x16I7x16S(weights, ones)));
    else dot(f, sum, weights, ones);
  };
  const [low, high, weights] = [f.v128(), f.v128(), f.v128()];
  // written out: pointer arithmetic of a rolled loop is a third of its instructions
  for (let step = 0; step < (isBytes ? VECTORS : VECTORS / 2); step++) {
    f.set(low, v128.load32Splat(x, step * 4));
    if (!isBytes) f.set(high, v128.load32Splat(x, step * 4 + 16));
    for (const [p, panel] of panels.entries()) {
      f.set(weights, v128.load(panel, format.values + step * 16));
      if (isBytes) {
        dot(f, dots[p], weights, low);
        addWeights(weightSums[p], weights);
      } else {
        const [first, second] = nibbles(f, weights);
        dot(f, dots[p], low, first);
        dot(f, dots[p], high, second);
      }
    }
  }
  // `extra` is minus the activation sum
  const minimumPart = (panel: I32): V128 =>
    f32x4.mul(widenF16(f, v128.load16x4U(panel, 8)), f32x4.mul(scale, f32x4.convertI32x4S(i32x4.neg(extra))));
  for (const [p, panel] of panels.entries()) {
    if (isBytes) {
      const sum = isPaired ? i32x4.dotI16x8S(weightSums[p], pairOnes(f)) : weightSums[p];
      f.set(dots[p], i32x4.add(dots[p], i32x4.mul(extra, sum)));
    }
    const factor = f32x4.mul(widenF16(f, v128.load16x4U(panel)), scale);
    const product = f32x4.mul(f32x4.convertI32x4S(dots[p]), factor);
    f.set(sums[p], f32x4.add(sums[p], format.kind === "Q4_1" ? f32x4.add(product, minimumPart(panel)) : product));
  }
}
