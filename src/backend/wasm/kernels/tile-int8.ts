// The int8 inner loop: 4 rows × 8 columns, eight i32 accumulators, two vectors of weights and one broadcast of four
// activation bytes: 11 registers. Block sums are scaled into accumulators that stay in memory (L1): keeping them in
// registers spills the loop and halves its speed. Two cores: integer scales per sub-block (K-quants), float scales per
// block. The float part multiplies and adds without fusing, so every variant and machine gives the same bits.
import type { I32, Local, V128 } from "../emit/expression.ts";
import type { FunctionBuilder } from "../emit/function-builder.ts";
import type { FunctionHandle, ModuleBuilder } from "../emit/module-builder.ts";
import { i32 } from "../emit/scalar.ts";
import { f32x4, i16x8, i32x4, v128 } from "../emit/simd.ts";
import type { DotAdd, Unsigned } from "./int8-dot.ts";
import { addPairs, dotAdd, pairDepth, pairOnes } from "./int8-dot.ts";
import type { KernelVariant } from "./kernel.ts";

/** Rows and columns of a tile. */
export const INT8_ROWS = 4;
export const INT8_COLUMNS = 8;

/** Bytes of one k-step of four: weights [8][4], activations [4 rows][4]. */
const WEIGHT_STEP = 32;
const ACTIVATION_STEP = 16;
const TILE_BYTES = INT8_ROWS * INT8_COLUMNS * 4;

/** Which side of the dot product holds 0…127. */
export type SevenBitSide = "weights" | "activations";

/** Operands of the inner loop; `x` and `w` are left at the end. */
export interface StepOperands {
  readonly x: Local<"i32">;
  readonly w: Local<"i32">;
  readonly steps: number | I32;
  readonly sums: readonly Local<"v128">[];
}

/** Adds `steps` (at least one) k-steps of four to the eight sums. */
export function emitSteps(
  f: FunctionBuilder,
  dot: DotAdd,
  side: SevenBitSide,
  { x, w, steps, sums }: StepOperands,
): void {
  const [low, high, value] = [f.v128(), f.v128(), f.v128()];
  const end = f.i32(i32.add(w, i32.mul(steps, WEIGHT_STEP)));
  f.doWhile(
    () => {
      f.set(low, v128.load(w));
      f.set(high, v128.load(w, 16));
      for (let row = 0; row < INT8_ROWS; row++) {
        f.set(value, v128.load32Splat(x, row * 4));
        for (const [half, weights] of [low, high].entries()) {
          const sum = sums[row * 2 + half];
          if (side === "weights") dot(f, sum, value, weights);
          else dot(f, sum, weights, value);
        }
      }
      f.advance(w, WEIGHT_STEP);
      f.advance(x, ACTIVATION_STEP);
    },
    () => i32.ltU(w, end),
  );
}

/** The vector that sums start from. One local for all: 256-bit vectors are made of two 128-bit ones only where their operands are one value. */
const zeroes = (f: FunctionBuilder): Local<"v128"> => f.hoist(i32x4.const([0, 0, 0, 0]));

/**
 * Stores both halves of a row's eight columns, made by `value`. The two stores come last: with a load between them no 256-bit store
 * could be made of them.
 */
function storeRow(f: FunctionBuilder, to: I32, offset: number, value: (half: 0 | 1) => V128): void {
  const [low, high] = [f.v128(value(0)), f.v128(value(1))];
  f.emit(v128.store(to, low, offset), v128.store(to, high, offset + 16));
}

interface PairOperands {
  readonly x: I32;
  readonly w: I32;
  /** i16 sums of pairs, one of each tile row and half, set here. */
  readonly pairs: readonly Local<"v128">[];
}

/** Sums `count` k-steps of four, from step `first` on, in 16 bits. Written out: with the sums of a tile it just fits the registers. */
function emitPairSteps(f: FunctionBuilder, { x, w, pairs }: PairOperands, first: number, count: number): void {
  const [low, high, value] = [f.v128(), f.v128(), f.v128()];
  for (let step = first; step < first + count; step++) {
    f.set(low, v128.load(w, step * WEIGHT_STEP));
    f.set(high, v128.load(w, step * WEIGHT_STEP + 16));
    for (let row = 0; row < INT8_ROWS; row++) {
      f.set(value, v128.load32Splat(x, step * ACTIVATION_STEP + row * 4));
      for (const [half, weights] of [low, high].entries()) {
        const pair = pairs[row * 2 + half];
        const products = i16x8.relaxedDotI8x16I7x16S(value, weights);
        f.set(pair, step === first ? products : i16x8.add(pair, products));
      }
    }
  }
}

/** Shape of a K-quant super-block of 256 as the core sees it. */
export interface SubBlocks {
  /** 8 sub-blocks of 32 or 16 of 16. */
  readonly count: 8 | 16;
  /** Largest weight. */
  readonly largest: Unsigned;
  /** Offset in the activation record of the paired i16 sums, count/2 pairs. */
  readonly sums: number;
}

/** Offsets of the unpacked super-block in scratch, and its size. */
export const UNPACKED = {
  /** [64][8][4] bytes 0…127. */
  weights: 0,
  /** i32 [sub-block][8]; in the pairs variant i16 [sub-block][8][2], both the same. */
  scales: 2048,
  /** i16 [pair][8][2]. */
  mins: 2560,
  /** f32 [8], factor of the scaled sums and of the mins. */
  d: 2816,
  dmin: 2848,
  outer: 2880,
  bytes: 3008,
} as const;

const SUPER_BLOCK = { steps: 64, scaleOffset: 1024 };

/**
 * Core for K-quants: (x, xStride, tiles, block, acc): for each tile, acc [4][8] f32 += dx·(d·Σ scale·dot − dmin·Σ min·sum).
 */
export function emitSubBlockCore(module: ModuleBuilder, variant: KernelVariant, shape: SubBlocks): FunctionHandle {
  const dot = dotAdd(variant);
  return module.function(["i32", "i32", "i32", "i32", "i32"], {}, (f) => {
    const [x, xStride, tiles, block, acc] = [0, 1, 2, 3, 4].map((index) => f.parameter(index, "i32"));
    const sums = f.vectors(8);
    const [xAt, wAt, scaleAt] = [f.i32(), f.i32(), f.i32()];
    const end = f.i32(i32.add(acc, i32.mul(tiles, TILE_BYTES)));
    f.while(i32.ltU(acc, end), () => {
      f.set(xAt, x);
      f.set(wAt, block);
      f.set(scaleAt, i32.add(block, UNPACKED.scales));
      for (let i = 0; i < 8; i++) f.emit(v128.store(block, zeroes(f), UNPACKED.outer + i * 16));
      const scaleEnd = f.i32(i32.add(scaleAt, shape.count * 32));
      f.doWhile(
        () => {
          if (variant.pairs === true) emitPairedSubBlock(f, { xAt, wAt, scaleAt, block, shape, sums });
          else emitSubBlock(f, dot, { xAt, wAt, scaleAt, block, shape, sums });
          f.advance(scaleAt, 32);
        },
        () => i32.ltU(scaleAt, scaleEnd),
      );
      emitMins(f, { x, block, shape, sums });
      emitSuperBlockEnd(f, { x, block, acc, sums });
      f.advance(x, xStride);
      f.advance(acc, TILE_BYTES);
    });
  });
}

interface SubBlockState {
  readonly xAt: Local<"i32">;
  readonly wAt: Local<"i32">;
  readonly scaleAt: I32;
  readonly block: I32;
  readonly shape: SubBlocks;
  readonly sums: readonly Local<"v128">[];
}

/** Adds one sub-block's scaled sums to the outer accumulators. */
function emitSubBlock(f: FunctionBuilder, dot: DotAdd, { xAt, wAt, scaleAt, block, shape, sums }: SubBlockState): void {
  for (const sum of sums) f.set(sum, zeroes(f));
  emitSteps(f, dot, "weights", { x: xAt, w: wAt, steps: SUPER_BLOCK.steps / shape.count, sums });
  const scales = [f.v128(v128.load(scaleAt)), f.v128(v128.load(scaleAt, 16))];
  for (let row = 0; row < INT8_ROWS; row++) {
    const at = UNPACKED.outer + row * 32;
    storeRow(f, block, at, (half) =>
      i32x4.add(v128.load(block, at + half * 16), i32x4.mul(sums[row * 2 + half], scales[half])),
    );
  }
}

/** The same with sums of 16 bits, which the scale widens. */
function emitPairedSubBlock(f: FunctionBuilder, { xAt, wAt, scaleAt, block, shape, sums }: SubBlockState): void {
  const steps = SUPER_BLOCK.steps / shape.count;
  const depth = Math.min(steps, pairDepth(shape.largest));
  const pairs = f.vectors(sums.length);
  for (let step = 0; step < steps; step += depth) {
    emitPairSteps(f, { x: xAt, w: wAt, pairs }, step, depth);
    for (const [i, sum] of sums.entries()) {
      const scaled = i32x4.dotI16x8S(pairs[i], v128.load(scaleAt, (i & 1) * 16));
      f.set(sum, step === 0 ? scaled : i32x4.add(sum, scaled));
    }
  }
  for (let row = 0; row < INT8_ROWS; row++) {
    const at = UNPACKED.outer + row * 32;
    storeRow(f, block, at, (half) => i32x4.add(v128.load(block, at + half * 16), sums[row * 2 + half]));
  }
  f.advance(xAt, steps * ACTIVATION_STEP);
  f.advance(wAt, steps * WEIGHT_STEP);
}

interface CoreState {
  readonly x: I32;
  readonly block: I32;
  readonly sums: readonly Local<"v128">[];
}

function emitMins(f: FunctionBuilder, { x, block, shape, sums }: CoreState & { readonly shape: SubBlocks }): void {
  for (const sum of sums) f.set(sum, zeroes(f));
  const [pair, xAt, minAt] = [f.i32(), f.i32(x), f.i32(block)];
  const [low, high, value] = [f.v128(), f.v128(), f.v128()];
  f.for(pair, { from: 0, below: shape.count / 2 }, () => {
    f.set(low, v128.load(minAt, UNPACKED.mins));
    f.set(high, v128.load(minAt, UNPACKED.mins + 16));
    for (let row = 0; row < INT8_ROWS; row++) {
      f.set(value, v128.load32Splat(xAt, shape.sums + row * 4));
      f.set(sums[row * 2], i32x4.add(sums[row * 2], i32x4.dotI16x8S(low, value)));
      f.set(sums[row * 2 + 1], i32x4.add(sums[row * 2 + 1], i32x4.dotI16x8S(high, value)));
    }
    f.advance(xAt, ACTIVATION_STEP);
    f.advance(minAt, 32);
  });
}

function emitSuperBlockEnd(f: FunctionBuilder, { x, block, acc, sums }: CoreState & { readonly acc: I32 }): void {
  const scale = f.v128();
  for (let row = 0; row < INT8_ROWS; row++) {
    f.set(scale, v128.load32Splat(x, SUPER_BLOCK.scaleOffset + row * 4));
    storeRow(f, acc, row * 32, (half) => {
      const outer = f32x4.convertI32x4S(v128.load(block, UNPACKED.outer + row * 32 + half * 16));
      const main = f32x4.mul(outer, v128.load(block, UNPACKED.d + half * 16));
      const sum = f32x4.convertI32x4S(sums[row * 2 + half]);
      const minimum = f32x4.mul(sum, v128.load(block, UNPACKED.dmin + half * 16));
      return f32x4.add(v128.load(acc, row * 32 + half * 16), f32x4.mul(f32x4.sub(main, minimum), scale));
    });
  }
}

/** What a float-scaled block needs besides its products. */
export interface FloatBlocks {
  readonly side: SevenBitSide;
  /** Largest value on that side. */
  readonly largest: Unsigned;
  /** Elements of K in a block. */
  readonly block: number;
  /** Bytes from one block's [block/4][8][4] weights to the next, from its f32 scales [8] and its corrections i32 [8]. */
  readonly weightStride: number;
  readonly scaleStride: number;
  /** Offsets of scales and corrections from the panel pointer. */
  readonly scales: number;
  /**
   * "zero point": sum − zero[row]·correction[column]; "nibble": sum − 8·sum[row]; "minimum": f32 minima [8] at the offset,
   * minimum[column]·dx·sum[row] is added.
   */
  readonly correction:
    | { readonly kind: "zero point" | "minimum"; readonly offset: number }
    | { readonly kind: "nibble" };
  readonly recordBytes: number;
}

/**
 * Core for float scales: (x, xStride, tiles, w, acc, blocks): for each tile and block, acc += (dot − correction)·(dw·dx).
 * x: the tile's record of the first block; its records follow each other.
 */
export function emitFloatBlockCore(module: ModuleBuilder, variant: KernelVariant, shape: FloatBlocks): FunctionHandle {
  const dot = dotAdd(variant);
  // deep enough for the whole block
  const isPaired = variant.pairs === true && shape.side === "weights" && pairDepth(shape.largest) * 4 >= shape.block;
  return module.function(["i32", "i32", "i32", "i32", "i32", "i32"], {}, (f) => {
    const [x, xStride, tiles, w, acc, blocks] = [0, 1, 2, 3, 4, 5].map((index) => f.parameter(index, "i32"));
    const sums = f.vectors(8);
    const [xAt, wAt, record, scaleAt, weights] = [f.i32(), f.i32(), f.i32(), f.i32(), f.i32()];
    const end = f.i32(i32.add(acc, i32.mul(tiles, TILE_BYTES)));
    f.while(i32.ltU(acc, end), () => {
      f.set(record, x);
      f.set(scaleAt, i32.add(w, shape.scales));
      f.set(weights, w);
      const recordEnd = f.i32(i32.add(x, i32.mul(blocks, shape.recordBytes)));
      f.doWhile(
        () => {
          f.set(xAt, record);
          f.set(wAt, weights);
          if (isPaired) emitPairedBlock(f, shape, { record, scaleAt, sums, x: xAt, w: wAt });
          else {
            emitCorrection(f, shape, { record, scaleAt, sums });
            emitSteps(f, dot, shape.side, { x: xAt, w: wAt, steps: shape.block / 4, sums });
          }
          emitFloatBlockEnd(f, shape, { record, scaleAt, acc, sums });
          f.advance(record, shape.recordBytes);
          f.advance(scaleAt, shape.scaleStride);
          f.advance(weights, shape.weightStride);
        },
        () => i32.ltU(record, recordEnd),
      );
      f.advance(x, xStride);
      f.advance(acc, TILE_BYTES);
    });
  });
}

interface BlockState {
  readonly record: I32;
  readonly scaleAt: I32;
  readonly sums: readonly Local<"v128">[];
}

/** A block whose sums fit 16 bits: widened, then corrected. */
function emitPairedBlock(
  f: FunctionBuilder,
  shape: FloatBlocks,
  { record, scaleAt, sums, x, w }: BlockState & { readonly x: I32; readonly w: I32 },
): void {
  const pairs = f.vectors(sums.length);
  emitPairSteps(f, { x, w, pairs }, 0, shape.block / 4);
  emitCorrection(f, shape, { record, scaleAt, sums });
  for (const [i, sum] of sums.entries()) addPairs(f, sum, pairs[i], pairOnes(f));
}

/** The sums start from minus the correction. */
function emitCorrection(f: FunctionBuilder, shape: FloatBlocks, { record, scaleAt, sums }: BlockState): void {
  const offset = shape.block * 4 + ACTIVATION_STEP;
  const { correction } = shape;
  if (correction.kind === "minimum") {
    for (const sum of sums) f.set(sum, zeroes(f));
    return;
  }
  const columns =
    correction.kind === "nibble"
      ? undefined
      : [0, 16].map((half) => f.v128(v128.load(scaleAt, correction.offset - shape.scales + half)));
  for (let row = 0; row < INT8_ROWS; row++) {
    const value = f.v128(i32x4.neg(v128.load32Splat(record, offset + row * 4)));
    for (let half = 0; half < 2; half++) {
      const start: V128 = columns === undefined ? i32x4.shl(value, 3) : i32x4.mul(value, columns[half]);
      f.set(sums[row * 2 + half], start);
    }
  }
}

function emitFloatBlockEnd(
  f: FunctionBuilder,
  shape: FloatBlocks,
  { record, scaleAt, acc, sums }: BlockState & { readonly acc: I32 },
): void {
  // loads repeated on purpose: with six more values in registers the inner loop spills and loses a tenth
  const columns = [0, 16].map((half) => v128.load(scaleAt, half));
  const [scale, rowSum] = [f.v128(), f.v128()];
  const { correction } = shape;
  for (let row = 0; row < INT8_ROWS; row++) {
    const rowOffset = shape.block * 4 + row * 4;
    f.set(scale, v128.load32Splat(record, rowOffset));
    if (correction.kind === "minimum") {
      const total = f32x4.convertI32x4S(v128.load32Splat(record, rowOffset + ACTIVATION_STEP));
      f.set(rowSum, f32x4.mul(scale, total));
    }
    storeRow(f, acc, row * 32, (half) => {
      const product = f32x4.mul(f32x4.convertI32x4S(sums[row * 2 + half]), f32x4.mul(columns[half], scale));
      const minima = correction.kind === "minimum" ? correction.offset - shape.scales + half * 16 : undefined;
      const scaled = minima === undefined ? product : f32x4.add(product, f32x4.mul(v128.load(scaleAt, minima), rowSum));
      return f32x4.add(v128.load(acc, row * 32 + half * 16), scaled);
    });
  }
}
