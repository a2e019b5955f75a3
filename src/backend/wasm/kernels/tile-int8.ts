// The int8 inner loop: 4 rows × 8 columns, eight i32 accumulators, two vectors of weights and one broadcast of four
// activation bytes: 11 registers. Block sums are scaled into accumulators that stay in memory (L1): keeping them in
// registers spills the loop and halves its speed. Two cores: integer scales per sub-block (K-quants), float scales per
// block. The float part multiplies and adds without fusing, so every variant and machine gives the same bits.
import type { I32, Local, V128 } from "../emit/expression.ts";
import type { FunctionBuilder } from "../emit/function-builder.ts";
import type { FunctionHandle, ModuleBuilder } from "../emit/module-builder.ts";
import { i32 } from "../emit/scalar.ts";
import { f32x4, i32x4, v128 } from "../emit/simd.ts";
import type { DotAdd } from "./int8-dot.ts";
import { dotAdd } from "./int8-dot.ts";
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

/** Shape of a K-quant super-block of 256 as the core sees it. */
export interface SubBlocks {
  /** 8 sub-blocks of 32 or 16 of 16. */
  readonly count: 8 | 16;
  /** Offset in the activation record of the paired i16 sums, count/2 pairs. */
  readonly sums: number;
}

/** Offsets of the unpacked super-block in scratch, and its size. */
export const UNPACKED = {
  /** [64][8][4] bytes 0…127. */
  weights: 0,
  /** i32 [sub-block][8]. */
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
      for (let i = 0; i < 8; i++) f.emit(v128.store(block, i32x4.splat(0), UNPACKED.outer + i * 16));
      const scaleEnd = f.i32(i32.add(scaleAt, shape.count * 32));
      f.doWhile(
        () => {
          for (const sum of sums) f.set(sum, i32x4.splat(0));
          emitSteps(f, dot, "weights", { x: xAt, w: wAt, steps: SUPER_BLOCK.steps / shape.count, sums });
          const scales = [f.v128(v128.load(scaleAt)), f.v128(v128.load(scaleAt, 16))];
          for (const [i, sum] of sums.entries()) {
            const scaled = i32x4.mul(sum, scales[i & 1]);
            const at = UNPACKED.outer + i * 16;
            f.emit(v128.store(block, i32x4.add(v128.load(block, at), scaled), at));
          }
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

interface CoreState {
  readonly x: I32;
  readonly block: I32;
  readonly sums: readonly Local<"v128">[];
}

function emitMins(f: FunctionBuilder, { x, block, shape, sums }: CoreState & { readonly shape: SubBlocks }): void {
  for (const sum of sums) f.set(sum, i32x4.splat(0));
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
  const row = f.v128();
  for (const [i, sum] of sums.entries()) {
    if ((i & 1) === 0) f.set(row, v128.load32Splat(x, SUPER_BLOCK.scaleOffset + (i >> 1) * 4));
    const half = (i & 1) * 16;
    const main = f32x4.mul(
      f32x4.convertI32x4S(v128.load(block, UNPACKED.outer + i * 16)),
      v128.load(block, UNPACKED.d + half),
    );
    const minimum = f32x4.mul(f32x4.convertI32x4S(sum), v128.load(block, UNPACKED.dmin + half));
    const scaled = f32x4.mul(f32x4.sub(main, minimum), row);
    f.emit(v128.store(acc, f32x4.add(v128.load(acc, i * 16), scaled), i * 16));
  }
}

/** What a float-scaled block needs besides its products. */
export interface FloatBlocks {
  readonly side: SevenBitSide;
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
          emitCorrection(f, shape, { record, scaleAt, sums });
          emitSteps(f, dot, shape.side, { x: xAt, w: wAt, steps: shape.block / 4, sums });
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

/** The sums start from minus the correction. */
function emitCorrection(f: FunctionBuilder, shape: FloatBlocks, { record, scaleAt, sums }: BlockState): void {
  const offset = shape.block * 4 + ACTIVATION_STEP;
  const { correction } = shape;
  if (correction.kind === "minimum") {
    for (const sum of sums) f.set(sum, i32x4.splat(0));
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
  const [row, rowSum] = [f.v128(), f.v128()];
  const { correction } = shape;
  for (const [i, sum] of sums.entries()) {
    const rowOffset = shape.block * 4 + (i >> 1) * 4;
    if ((i & 1) === 0) {
      f.set(row, v128.load32Splat(record, rowOffset));
      if (correction.kind === "minimum") {
        const total = f32x4.convertI32x4S(v128.load32Splat(record, rowOffset + ACTIVATION_STEP));
        f.set(rowSum, f32x4.mul(row, total));
      }
    }
    const product = f32x4.mul(f32x4.convertI32x4S(sum), f32x4.mul(columns[i & 1], row));
    const scaled =
      correction.kind === "minimum"
        ? f32x4.add(product, f32x4.mul(v128.load(scaleAt, correction.offset - shape.scales + (i & 1) * 16), rowSum))
        : product;
    f.emit(v128.store(acc, f32x4.add(v128.load(acc, i * 16), scaled), i * 16));
  }
}
