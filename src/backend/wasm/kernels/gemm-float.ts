// y[M,N] = x[M,K]·Wᵀ (+ bias) with f32 activations and weights that stay as stored: eight columns × 256 of K are expanded
// to an f32 panel in scratch (8 KB, first-level cache) and used by all rows. Exact decoding, f32 sums: the accuracy path.
// The same expansion serves embedding lookups.

import type { I32, Local, V128 } from "../emit/expression.ts";
import { constI32 } from "../emit/expression.ts";
import type { FunctionBuilder } from "../emit/function-builder.ts";
import type { FunctionHandle, ModuleBuilder } from "../emit/module-builder.ts";
import { i32, select } from "../emit/scalar.ts";
import { f32x4, i32x4, v128 } from "../emit/simd.ts";
import type { FloatBlockFormat } from "./float-block.ts";
import { q4One, q4Zero, q8Zero, unpackFloatBlocks } from "./float-block.ts";
import { widenF16 } from "./float16.ts";
import { dotAdd } from "./int8-dot.ts";
import type { KernelSignature, KernelVariant } from "./kernel.ts";
import { defineKernel, kernelSignature } from "./kernel.ts";
import type { SuperBlockFormat } from "./super-block.ts";
import { q4K, q5K, q6K, unpackSuperBlock } from "./super-block.ts";
import type { F32Tiles } from "./tile-f32.ts";
import { TILE_COLUMNS, TILE_FLAG, TILE_ROWS } from "./tile-f32.ts";
import { UNPACKED } from "./tile-int8.ts";
import { PANEL_FORMATS } from "./weight-panel.ts";

const ARGUMENTS = [
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
  "scratch",
] as const;
const GATHER_ARGUMENTS = ["w", "ids", "y", "yStride", "begin", "end", "k", "scratch"] as const;

const CHUNK = 256;
const EXPANDED = 4096; // after the unpacked bytes
const COLUMN_BYTES = TILE_COLUMNS * 4;

/** Bytes of scratch of gemmFloat… and gatherPanels…. */
export const FLOAT_SCRATCH_BYTES = EXPANDED + CHUNK * COLUMN_BYTES;

/** Storage of weights that the float path reads. */
type FloatStorage = "F16" | "BF16" | "Q8_0" | "Q4_0" | "Q4_1" | "Q4_K" | "Q5_K" | "Q6_K";

/** How eight columns × one chunk become f32 [k][8]. */
interface Expander {
  readonly storage: FloatStorage;
  /** Bytes of eight columns over all of K; the chunk at element `from` begins at chunkOffset. */
  panelBytes(k: I32): I32;
  expand(
    f: FunctionBuilder,
    chunk: { readonly panel: I32; readonly from: I32; readonly count: I32; readonly k: I32; readonly scratch: I32 },
  ): void;
}

const HALF_FORMATS: readonly Expander[] = (["F16", "BF16"] as const).map((storage) => ({
  storage,
  panelBytes: (k) => i32.shl(k, 4),
  expand: (f, { panel, from, count, scratch }) => {
    const at = f.i32(i32.add(panel, i32.shl(from, 4)));
    const end = f.i32(i32.add(at, i32.shl(count, 4)));
    const to = f.i32(scratch);
    const widen = (v: V128): V128 => (storage === "F16" ? widenF16(f, v) : i32x4.shl(v, 16));
    f.while(i32.ltU(at, end), () => {
      f.emit(v128.store(to, widen(v128.load16x4U(at)), EXPANDED));
      f.emit(v128.store(to, widen(v128.load16x4U(at, 8)), EXPANDED + 16));
      f.advance(at, 16);
      f.advance(to, COLUMN_BYTES);
    });
  },
}));

/** Four columns × four bytes to four vectors of columns, one per k. */
function forBytes(bytes: Local<"v128">, body: (k: number, values: V128) => void): void {
  for (let k = 0; k < 4; k++) {
    const left = 24 - 8 * k;
    body(k, f32x4.convertI32x4S(i32x4.shrS(i32x4.shl(bytes, left), 24)));
  }
}

/** Σ over sub-blocks of values · (d·scale) − dmin·min, as the file's format says. */
function expandSuperBlock(f: FunctionBuilder, format: SuperBlockFormat, scratch: I32): void {
  const [sub, step, at, to] = [f.i32(), f.i32(), f.i32(scratch), f.i32(scratch)];
  f.for(sub, { from: 0, below: format.subBlockCount }, () => {
    const pair = i32.add(i32.shl(i32.shrU(sub, 2), 1), i32.and(sub, 1));
    const minAt = f.i32(i32.add(i32.add(scratch, i32.shl(pair, 5)), i32.and(sub, 2)));
    const factors = [0, 16].map((half) => {
      const scale = f32x4.convertI32x4S(v128.load(i32.add(scratch, i32.shl(sub, 5)), UNPACKED.scales + half));
      const mins = i32x4.shrS(i32x4.shl(v128.load(minAt, UNPACKED.mins + half), 16), 16);
      return {
        scale: f.v128(f32x4.mul(v128.load(scratch, UNPACKED.d + half), scale)),
        minimum: f.v128(f32x4.mul(v128.load(scratch, UNPACKED.dmin + half), f32x4.convertI32x4S(mins))),
      };
    });
    f.for(step, { from: 0, below: 64 / format.subBlockCount }, () => {
      for (const [half, { scale, minimum }] of factors.entries()) {
        const bytes = f.v128(v128.load(at, half * 16));
        forBytes(bytes, (k, values) =>
          f.emit(v128.store(to, f32x4.sub(f32x4.mul(values, scale), minimum), EXPANDED + k * COLUMN_BYTES + half * 16)),
        );
      }
      f.advance(at, 32);
      f.advance(to, 4 * COLUMN_BYTES);
    });
  });
}

function superExpander(storage: "Q4_K" | "Q5_K" | "Q6_K", format: SuperBlockFormat): Expander {
  const blockBytes = PANEL_FORMATS[storage].blockBytes * 4;
  const half = (k: I32): I32 => i32.mul(i32.shrU(k, 8), blockBytes);
  return {
    storage,
    panelBytes: (k) => i32.shl(half(k), 1),
    expand: (f, { panel, from, k, scratch }) => {
      const block = f.i32(i32.add(panel, half(from)));
      unpackSuperBlock(f, format, { block, scratch, half: 0, isPaired: false });
      unpackSuperBlock(f, format, { block: f.i32(i32.add(block, half(k))), scratch, half: 1, isPaired: false });
      expandSuperBlock(f, format, scratch);
    },
  };
}

function blockExpander(variant: KernelVariant, format: FloatBlockFormat): Expander {
  const pairs = (k: I32): I32 => i32.mul(i32.shrU(k, 5), 2 * format.blockBytes);
  const zero = format.kind === "Q4_0" ? 8 : 0;
  return {
    storage: format.kind,
    panelBytes: pairs,
    expand: (f, { panel, from, count, scratch }) => {
      const block = f.i32(i32.add(panel, pairs(from)));
      const blocks = f.i32(i32.shrU(count, 5));
      const dot = dotAdd(variant);
      unpackFloatBlocks(f, format, dot, { from: block, count: blocks, scratch, half: 0 });
      unpackFloatBlocks(f, format, dot, { from: i32.add(block, format.blockBytes), count: blocks, scratch, half: 1 });
      const [index, step, at, to] = [f.i32(), f.i32(), f.i32(scratch), f.i32(scratch)];
      f.for(index, { from: 0, below: blocks }, () => {
        const scaleAt = i32.add(scratch, i32.shl(index, 5));
        const scales = [0, 16].map((offset) => f.v128(v128.load(scaleAt, format.core.scales + offset)));
        const { correction } = format.core;
        const minima = [0, 16].map((offset) =>
          correction.kind === "minimum" ? f.v128(v128.load(scaleAt, correction.offset + offset)) : undefined,
        );
        f.for(step, { from: 0, below: 8 }, () => {
          for (const [side, scale] of scales.entries()) {
            forBytes(f.v128(v128.load(at, side * 16)), (kk, values) => {
              const minimum = minima[side];
              const value =
                minimum === undefined
                  ? f32x4.mul(f32x4.sub(values, f32x4.all(zero)), scale)
                  : f32x4.add(f32x4.mul(values, scale), minimum);
              f.emit(v128.store(to, value, EXPANDED + kk * COLUMN_BYTES + side * 16));
            });
          }
          f.advance(at, 32);
          f.advance(to, 4 * COLUMN_BYTES);
        });
      });
    },
  };
}

const STORAGES: readonly FloatStorage[] = ["F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q4_K", "Q5_K", "Q6_K"];

/**
 * x, y: f32 rows, strides in bytes; w: panels (weight-panel.ts; F16 and BF16: u16 [ceil(N/8)][K][8]); bias: 0 or
 * f32[ceil(N/8)·8]; columnBegin a multiple of 8; k a multiple of the format's block; flags bit 0 adds to y.
 */
const gemmSignature = (storage: FloatStorage) => kernelSignature(`gemmFloat${storage.replace("_", "")}`, ARGUMENTS);
/** y[i] = weight row ids[i] of panels, f32. */
const gatherSignature = (storage: FloatStorage) =>
  kernelSignature(`gatherPanels${storage.replace("_", "")}`, GATHER_ARGUMENTS);

function emitGemm(module: ModuleBuilder, tiles: F32Tiles, expander: Expander, expand: FunctionHandle): void {
  defineKernel(module, gemmSignature(expander.storage), (f, p) => {
    const [column, from, row] = [f.i32(), f.i32(), f.i32()];
    const panelBytes = f.i32(expander.panelBytes(p.k));
    f.for(column, { from: p.columnBegin, below: p.columnEnd, step: TILE_COLUMNS }, () => {
      const columns = minimum(f, i32.sub(p.columnEnd, column), TILE_COLUMNS);
      const panel = f.i32(i32.add(p.w, i32.mul(i32.shrU(column, 3), panelBytes)));
      const bias = f.i32(select(i32.add(p.bias, i32.shl(column, 2)), constI32(0), p.bias));
      const flags = f.i32(p.flags);
      f.for(from, { from: 0, below: p.k, step: CHUNK }, () => {
        const count = minimum(f, i32.sub(p.k, from), CHUNK);
        f.emit(expand.call(panel, from, count, p.k, p.scratch));
        f.for(row, { from: p.rowBegin, below: p.rowEnd, step: TILE_ROWS }, () =>
          tiles.call(f, minimum(f, i32.sub(p.rowEnd, row), TILE_ROWS), {
            x: i32.add(i32.add(p.x, i32.mul(row, p.xStride)), i32.shl(from, 2)),
            xStride: p.xStride,
            w: i32.add(p.scratch, EXPANDED),
            wStride: constI32(COLUMN_BYTES),
            k: count,
            bias,
            y: i32.add(i32.add(p.y, i32.mul(row, p.yStride)), i32.shl(column, 2)),
            yStride: p.yStride,
            columns,
            flags,
          }),
        );
        f.set(bias, 0);
        f.set(flags, TILE_FLAG.accumulate);
      });
    });
  });
}

function minimum(f: FunctionBuilder, value: I32, limit: number): Local<"i32"> {
  const v = f.i32(value);
  return f.i32(select(v, constI32(limit), i32.ltS(v, limit)));
}

function emitGather(module: ModuleBuilder, expander: Expander, expand: FunctionHandle): void {
  defineKernel(module, gatherSignature(expander.storage), (f, p) => {
    const [i, from, j] = [f.i32(), f.i32(), f.i32()];
    const panelBytes = f.i32(expander.panelBytes(p.k));
    f.for(i, { from: p.begin, below: p.end }, () => {
      const id = f.i32(i32.load(i32.add(p.ids, i32.shl(i, 2))));
      const panel = f.i32(i32.add(p.w, i32.mul(i32.shrU(id, 3), panelBytes)));
      const to = f.i32(i32.add(p.y, i32.mul(i, p.yStride)));
      const column = f.i32(i32.add(p.scratch, i32.shl(i32.and(id, 7), 2)));
      f.for(from, { from: 0, below: p.k, step: CHUNK }, () => {
        const count = minimum(f, i32.sub(p.k, from), CHUNK);
        f.emit(expand.call(panel, from, count, p.k, p.scratch));
        f.for(j, { from: 0, below: count }, () => {
          f.emit(i32.store(to, i32.load(i32.add(column, i32.shl(j, 5)), EXPANDED)));
          f.advance(to, 4);
        });
      });
    });
  });
}

/** Float GEMM and row gather of every stored format. */
export const floatGemmFamily = {
  signatures: STORAGES.flatMap((storage): KernelSignature[] => [gemmSignature(storage), gatherSignature(storage)]),
  emit: (module: ModuleBuilder, variant: KernelVariant, tiles: F32Tiles): void => {
    const expanders = [
      ...HALF_FORMATS,
      blockExpander(variant, q8Zero),
      blockExpander(variant, q4Zero),
      blockExpander(variant, q4One),
      superExpander("Q4_K", q4K),
      superExpander("Q5_K", q5K),
      superExpander("Q6_K", q6K),
    ];
    for (const expander of expanders) {
      const expand = module.function(["i32", "i32", "i32", "i32", "i32"], {}, (f) => {
        const [panel, from, count, k, scratch] = [0, 1, 2, 3, 4].map((index) => f.parameter(index, "i32"));
        expander.expand(f, { panel, from, count, k, scratch });
      });
      emitGemm(module, tiles, expander, expand);
      emitGather(module, expander, expand);
    }
  },
};

/**
 * Writes rows of u16 (f16 or bf16 bits) of an [N, K] weight into u16 panels [ceil(N/8)][K][8], zero beforehand. Rows may
 * come in any chunks.
 */
export function packHalfRows(panels: Uint16Array, rows: Uint16Array, rowBegin: number, k: number): void {
  const count = rows.length / k;
  for (let r = 0; r < count; r++) {
    const n = rowBegin + r;
    const base = Math.floor(n / TILE_COLUMNS) * TILE_COLUMNS * k + (n % TILE_COLUMNS);
    for (let i = 0; i < k; i++) panels[base + i * TILE_COLUMNS] = rows[r * k + i]; // panels [N/8][K][8]
  }
}
