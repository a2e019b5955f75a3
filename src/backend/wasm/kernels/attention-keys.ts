import type { I32, V128 } from "../emit/expression.ts";
import type { FunctionBuilder } from "../emit/function-builder.ts";
import { i32, select } from "../emit/scalar.ts";
import { i8x16, v128 } from "../emit/simd.ts";
import { widenNormalF16 } from "./float16.ts";
import { TILE_COLUMNS } from "./tile-f32.ts";

/** Keys of one block; block boundaries are multiples of it, whatever rows are asked for. */
export const KEY_BLOCK = 64;

/** Where keys and values of one group come from. */
export interface KeySource {
  readonly isHalf: boolean;
  /** Address of the group's head in the key or value of one position. */
  address(f: FunctionBuilder, which: "k" | "v", position: I32): I32;
}

/** A block of keys: positions [first, first + count). */
export interface KeyBlock {
  readonly first: I32;
  readonly count: I32;
  readonly headWidth: I32;
}

/** Lanes (0,1 | 4,5) and so on of two vectors, as byte shuffles. */
const INTERLEAVE_LOW = [0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23];
const INTERLEAVE_HIGH = [8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31];
const LOW_HALVES = [0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23];
const HIGH_HALVES = [8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31];

/** Writes the block's keys as panels [count/8][C][8] f32 at `to`, four keys × four channels at a time. */
export function packKeys(f: FunctionBuilder, source: KeySource, block: KeyBlock, to: I32): void {
  const [index, column] = [f.i32(), f.i32()];
  const last = f.i32(i32.sub(block.count, 1));
  f.for(index, { from: 0, below: block.count, step: 4 }, () => {
    // past the last key it is read again: its scores are masked
    const pointers = [0, 1, 2, 3].map((i) => {
      const key = f.i32(i32.add(index, i));
      f.set(key, select(key, last, i32.ltS(key, last)));
      return f.i32(source.address(f, "k", i32.add(block.first, key)));
    });
    const panel = i32.mul(i32.and(index, -TILE_COLUMNS), i32.shl(block.headWidth, 2));
    const at = f.i32(i32.add(i32.add(to, panel), i32.shl(i32.and(index, 4), 2)));
    f.for(column, { from: 0, below: block.headWidth, step: 4 }, () => {
      const [a, b, c, d] = pointers.map((pointer) => f.v128(loadVector(f, source, pointer)));
      const halves = [INTERLEAVE_LOW, INTERLEAVE_HIGH].map((lanes) => [
        f.v128(i8x16.shuffle(a, b, lanes)),
        f.v128(i8x16.shuffle(c, d, lanes)),
      ]);
      for (const [i, [left, right]] of halves.entries()) {
        const offset = i * 2 * TILE_COLUMNS * 4;
        f.emit(v128.store(at, i8x16.shuffle(left, right, LOW_HALVES), offset));
        f.emit(v128.store(at, i8x16.shuffle(left, right, HIGH_HALVES), offset + TILE_COLUMNS * 4));
      }
      for (const pointer of pointers) f.advance(pointer, source.isHalf ? 8 : 16);
      f.advance(at, 4 * TILE_COLUMNS * 4);
    });
  });
}

function loadVector(f: FunctionBuilder, source: KeySource, from: I32): V128 {
  return source.isHalf ? widenNormalF16(f, v128.load16x4U(from)) : v128.load(from);
}

/** Writes the block's values as rows [count][C] f32 at `to`. */
export function copyValues(f: FunctionBuilder, source: KeySource, block: KeyBlock, to: I32): void {
  const [index, column] = [f.i32(), f.i32()];
  const at = f.i32(to);
  f.for(index, { from: 0, below: block.count }, () => {
    const from = f.i32(source.address(f, "v", i32.add(block.first, index)));
    f.for(column, { from: 0, below: block.headWidth, step: 4 }, () => {
      f.emit(v128.store(at, loadVector(f, source, from)));
      f.advance(from, source.isHalf ? 8 : 16);
      f.advance(at, 16);
    });
  });
}
