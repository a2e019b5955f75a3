// y[M,N] = x[M,K]·Wᵀ (+ bias) with f32 panels.
// Panel layout: [ceil(N/8)][K][8] f32, columns beyond N zero; a multiple of 16 bytes aligned is best, not needed.
// Tiling: 6×8 (tile-f32.ts); a block of rows stays in the second-level cache while all panels pass over it.

import { constI32 } from "../emit/expression.ts";
import type { ModuleBuilder } from "../emit/module-builder.ts";
import { i32, select } from "../emit/scalar.ts";
import { defineKernel, kernelSignature } from "./kernel.ts";
import type { F32Tiles } from "./tile-f32.ts";
import { TILE_COLUMNS, TILE_ROWS } from "./tile-f32.ts";

/**
 * x, y: row-major, strides in bytes. bias: 0 or f32[ceil(N/8)·8] (whole panels are read). columnBegin must be a multiple of 8;
 * columnEnd any. flags: bit 0 adds to y.
 */
export const gemmF32 = kernelSignature("gemmF32", [
  "x",
  "xStride",
  "w",
  "bias",
  "y",
  "yStride",
  "rowBegin",
  "rowEnd",
  "columnBegin",
  "columnEnd",
  "k",
  "flags",
]);

const ROW_BLOCK = 96;

/** Emits `gemmF32`. */
export function emitGemmF32(module: ModuleBuilder, tiles: F32Tiles): void {
  defineKernel(module, gemmF32, (f, p) => {
    const blockBegin = f.i32();
    const blockEnd = f.i32();
    const column = f.i32();
    const row = f.i32();
    const rows = f.i32();
    const panelBytes = f.i32(i32.mul(p.k, TILE_COLUMNS * 4));
    f.for(blockBegin, { from: p.rowBegin, below: p.rowEnd, step: ROW_BLOCK }, () => {
      const blockLimit = f.i32(i32.add(blockBegin, ROW_BLOCK));
      f.set(blockEnd, select(blockLimit, p.rowEnd, i32.ltS(blockLimit, p.rowEnd)));
      f.for(column, { from: p.columnBegin, below: p.columnEnd, step: TILE_COLUMNS }, () => {
        const columns = f.i32(i32.sub(p.columnEnd, column));
        f.set(columns, select(columns, constI32(TILE_COLUMNS), i32.ltS(columns, TILE_COLUMNS)));
        const panel = f.i32(i32.add(p.w, i32.mul(i32.shrU(column, 3), panelBytes)));
        const bias = f.i32(select(i32.add(p.bias, i32.shl(column, 2)), constI32(0), p.bias));
        f.for(row, { from: blockBegin, below: blockEnd, step: TILE_ROWS }, () => {
          f.set(rows, i32.sub(blockEnd, row));
          f.set(rows, select(rows, constI32(TILE_ROWS), i32.ltS(rows, TILE_ROWS)));
          tiles.call(f, rows, {
            x: i32.add(p.x, i32.mul(row, p.xStride)),
            xStride: p.xStride,
            w: panel,
            wStride: constI32(TILE_COLUMNS * 4),
            k: p.k,
            bias,
            y: i32.add(i32.add(p.y, i32.mul(row, p.yStride)), i32.shl(column, 2)),
            yStride: p.yStride,
            columns,
            flags: p.flags,
          });
        });
      });
    });
  });
}

/** Floats of the panel form of an [N, K] weight. */
export function f32PanelLength(n: number, k: number): number {
  return Math.ceil(n / TILE_COLUMNS) * TILE_COLUMNS * k;
}

/**
 * Writes weight rows [rowBegin, rowBegin + rows.length / k) of an [N, K] matrix into `panels` (f32PanelLength floats,
 * zero beforehand). Rows may come in any chunks: nothing but the chunk is held.
 */
export function packF32Rows(panels: Float32Array, rows: Float32Array, rowBegin: number, k: number): void {
  const count = rows.length / k;
  for (let r = 0; r < count; r++) {
    const n = rowBegin + r;
    const base = Math.floor(n / TILE_COLUMNS) * TILE_COLUMNS * k + (n % TILE_COLUMNS);
    for (let i = 0; i < k; i++) panels[base + i * TILE_COLUMNS] = rows[r * k + i]; // panels [N/8][K][8]
  }
}
