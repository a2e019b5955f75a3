import type { I32, Local } from "../emit/expression.ts";
import type { FunctionBuilder } from "../emit/function-builder.ts";
import { i32 } from "../emit/scalar.ts";
import { v128 } from "../emit/simd.ts";
import { widenF16 } from "./float16.ts";
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

/** Writes the block's keys as panels [count/8][C][8] f32 at `to`. */
export function packKeys(f: FunctionBuilder, source: KeySource, block: KeyBlock, to: I32): void {
  const index = f.i32();
  f.for(index, { from: 0, below: block.count }, () => {
    const from = f.i32(source.address(f, "k", i32.add(block.first, index)));
    const panel = i32.mul(i32.and(index, -TILE_COLUMNS), i32.shl(block.headWidth, 2));
    const at = f.i32(i32.add(i32.add(to, panel), i32.shl(i32.and(index, TILE_COLUMNS - 1), 2)));
    forVectors(f, source, block, from, (value) => {
      for (let lane = 0; lane < 4; lane++) f.emit(v128.store32Lane(at, value, lane, lane * TILE_COLUMNS * 4));
      f.advance(at, 4 * TILE_COLUMNS * 4);
    });
  });
}

/** Writes the block's values as rows [count][C] f32 at `to`. */
export function copyValues(f: FunctionBuilder, source: KeySource, block: KeyBlock, to: I32): void {
  const index = f.i32();
  const at = f.i32(to);
  f.for(index, { from: 0, below: block.count }, () => {
    const from = f.i32(source.address(f, "v", i32.add(block.first, index)));
    forVectors(f, source, block, from, (value) => {
      f.emit(v128.store(at, value));
      f.advance(at, 16);
    });
  });
}

function forVectors(
  f: FunctionBuilder,
  source: KeySource,
  block: KeyBlock,
  from: Local<"i32">,
  body: (value: Local<"v128">) => void,
): void {
  const column = f.i32();
  f.for(column, { from: 0, below: block.headWidth, step: 4 }, () => {
    body(source.isHalf ? widenF16(f, v128.load16x4U(from)) : f.v128(v128.load(from)));
    f.advance(from, source.isHalf ? 8 : 16);
  });
}
