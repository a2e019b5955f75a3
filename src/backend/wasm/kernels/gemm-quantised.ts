// y[M,N] = x·Wᵀ (+ bias) with quantised activations and weights as panels (weight-panel.ts). One row: a walk through
// memory in a few streams that all ascend, K-quants panel by panel in two, blocks of 32 two panels interleaved in four: neighbouring panels as streams
// end after one panel each, the prefetcher lost them there, and half the speed went (Q6_K 8 → 18, Q4_K 12 → 20 GB/s). More rows: eight columns × 256 of K are unpacked to scratch once and used by all row
// tiles of a block; accumulators of the block stay in scratch. Both orders of work give the same bits.

import type { I32, Local } from "../emit/expression.ts";
import { constI32 } from "../emit/expression.ts";
import type { FunctionBuilder } from "../emit/function-builder.ts";
import type { FunctionHandle, ModuleBuilder } from "../emit/module-builder.ts";
import { i32, memory, select } from "../emit/scalar.ts";
import { f32x4, v128 } from "../emit/simd.ts";
import type { FloatBlockFormat } from "./float-block.ts";
import { CHUNK_BLOCKS, q4One, q4Zero, q8Zero, unpackFloatBlocks, walkFloatBlock } from "./float-block.ts";
import type { DotAdd } from "./int8-dot.ts";
import { dotAdd } from "./int8-dot.ts";
import type { KernelFamily, KernelVariant } from "./kernel.ts";
import { defineKernel, kernelSignature } from "./kernel.ts";
import type { ActivationKind } from "./quantise-activations.ts";
import { ACTIVATION_RECORDS } from "./quantise-activations.ts";
import type { SuperBlockFormat } from "./super-block.ts";
import { q4K, q5K, q6K, unpackSuperBlock, walkSuperBlock } from "./super-block.ts";
import { emitFloatBlockCore, emitSubBlockCore, INT8_COLUMNS } from "./tile-int8.ts";
import type { PanelFormatName } from "./weight-panel.ts";
import { PANEL_FORMATS } from "./weight-panel.ts";

/** Arguments of every GEMM over quantised activations. */
export const GEMM_ARGUMENTS = [
  "x",
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

const ROW_BLOCK = 256;
const TILE_BYTES = 128;
const ACCUMULATORS = 3072;

/** One row's share of its records, gathered: enough for a k of 65,536 (308 bytes for 256 values in i8x256, 320 in others). */
const ROW_BYTES = 320 * 256;

/** Bytes of scratch one thread needs for any quantised GEMM. */
export const GEMM_SCRATCH_BYTES = ACCUMULATORS + Math.max(ROW_BLOCK * INT8_COLUMNS * 4, ROW_BYTES);

/** Which activations each format's kernel takes. */
export const FORMAT_ACTIVATIONS = {
  Q8_0: "u7x32",
  Q4_0: "i8x32",
  Q4_1: "i8x32",
  Q4_K: "i8x256",
  Q5_K: "i8x256",
  Q6_K: "i8x256",
} as const satisfies Readonly<Record<PanelFormatName, ActivationKind>>;

/**
 * x: quantised activations of all rows (FORMAT_ACTIVATIONS); w: panels; bias: 0 or f32[ceil(N/8)·8]; y f32 rows, stride in
 * bytes. rowBegin a multiple of 4 or rowEnd = rowBegin + 1, columnBegin a multiple of 8. k: a multiple of the block.
 * flags: bit 0 adds to y. One row: k at most 65,536.
 */
const signatureOf = (format: PanelFormatName) => kernelSignature(`gemm${format.replace("_", "")}`, GEMM_ARGUMENTS);

type Parameters = Readonly<Record<(typeof GEMM_ARGUMENTS)[number], Local<"i32">>>;

/** Eight columns × all of K over a block of row tiles. */
export interface MatrixOperands {
  readonly panel: I32;
  /** Record of the first tile. */
  readonly x: I32;
  readonly tiles: I32;
  /** f32 [tiles][4][8], zero before. */
  readonly accumulators: I32;
}

/** What a format does for many rows. */
export interface GemmWork {
  /** Bytes of a panel of four columns over all of K. */
  readonly panelBytes: Local<"i32">;
  /** Bytes of the records of four rows. */
  readonly tileRecords: Local<"i32">;
  matrix(f: FunctionBuilder, operands: MatrixOperands): void;
}

/** What a format does besides for one row. */
interface Work extends GemmWork {
  readonly record: number;
  /** Bytes of a block of one panel; `walk` panels are interleaved block by block. */
  readonly blockBytes: number;
  readonly walk: 1 | 2;
  /** Ranges of columns walked side by side, two in each call of walkPanels. */
  readonly streams: 2 | 4;
  walkPanels(f: FunctionBuilder, panels: readonly I32[], x: I32, sums: readonly Local<"v128">[]): void;
}

/** Emits the loops over row blocks and columns, and the stores. */
export function emitRows(f: FunctionBuilder, p: Parameters, work: GemmWork, store: FunctionHandle): void {
  const [block, column, row] = [f.i32(), f.i32(), f.i32()];
  const accumulators = f.i32(i32.add(p.scratch, ACCUMULATORS));
  f.for(block, { from: p.rowBegin, below: p.rowEnd, step: ROW_BLOCK }, () => {
    const rows = f.i32(i32.sub(p.rowEnd, block));
    f.set(rows, select(rows, constI32(ROW_BLOCK), i32.ltS(rows, ROW_BLOCK)));
    const tiles = f.i32(i32.shrU(i32.add(rows, 3), 2));
    const x = f.i32(i32.add(p.x, i32.mul(i32.shrU(block, 2), work.tileRecords)));
    f.for(column, { from: p.columnBegin, below: p.columnEnd, step: INT8_COLUMNS }, () => {
      f.emit(memory.fill(accumulators, 0, i32.mul(tiles, TILE_BYTES)));
      const panel = f.i32(i32.add(p.w, i32.mul(i32.shrU(column, 2), work.panelBytes)));
      work.matrix(f, { panel, x, tiles, accumulators });
      f.for(row, { from: 0, below: rows }, () => {
        const y = i32.add(p.y, i32.mul(i32.add(block, row), p.yStride));
        f.emit(store.call(i32.add(accumulators, i32.shl(row, 5)), p.bias, y, column, p.columnEnd, p.flags));
      });
    });
  });
}

/**
 * Copies one row's words out of the records of four rows, at every fourth word: read in place they are four times as many
 * cache lines, and with a k of 18,944 more than the first-level cache holds. Returns the end.
 */
function gatherRow(f: FunctionBuilder, p: Parameters, work: Work, x: I32): I32 {
  const from = f.i32(i32.add(p.x, i32.mul(i32.shrU(p.rowBegin, 2), work.tileRecords)));
  const end = f.i32(i32.add(from, work.tileRecords));
  f.advance(from, i32.shl(i32.and(p.rowBegin, 3), 2));
  const to = f.i32(x);
  f.while(i32.ltU(from, end), () => {
    f.emit(i32.store(to, i32.load(from)));
    f.advance(from, 16);
    f.advance(to, 4);
  });
  return to;
}

function emitVector(f: FunctionBuilder, p: Parameters, work: Work, store: FunctionHandle): void {
  const column = f.i32(p.columnBegin);
  const x = f.i32(i32.add(p.scratch, ACCUMULATORS));
  const rowEnd = f.i32(gatherRow(f, p, work, x));
  const y = f.i32(i32.add(p.y, i32.mul(p.rowBegin, p.yStride)));
  const walk = (streams: readonly Local<"i32">[]): void => {
    const sums = streams.map(() => f.vectors(work.walk));
    const pointers = streams.map((stream, s) => {
      const first = f.i32(i32.add(p.w, i32.mul(i32.shrU(stream, 2), work.panelBytes)));
      return sums[s].map((_, i) => f.i32(i32.add(first, i * work.blockBytes)));
    });
    for (const sum of sums.flat()) f.set(sum, f32x4.all(0));
    const at = f.i32(x);
    f.while(i32.ltU(at, rowEnd), () => {
      for (let s = 0; s < streams.length; s += 2) {
        work.walkPanels(f, pointers.slice(s, s + 2).flat(), at, sums.slice(s, s + 2).flat());
      }
      f.advance(at, work.record / 4);
    });
    for (const [s, stream] of streams.entries()) {
      for (const [i, sum] of sums[s].entries()) f.emit(v128.store(p.scratch, sum, i * 16));
      // a lone panel stores four columns: the last column then comes four earlier
      const last = f.i32(work.walk === 2 ? p.columnEnd : i32.add(stream, 4));
      if (work.walk === 1) f.set(last, select(last, p.columnEnd, i32.ltS(last, p.columnEnd)));
      f.emit(store.call(p.scratch, p.bias, y, stream, last, p.flags));
      f.advance(stream, work.walk * 4);
    }
  };
  // equal parts of the columns side by side: streams that all ascend to their end, and each value of x is read once for two
  const part = f.i32(i32.and(i32.divU(i32.sub(p.columnEnd, column), work.streams), -8));
  const firsts = Array.from({ length: work.streams }, (_, s) => f.i32(i32.add(column, i32.mul(part, s))));
  const [first, second] = firsts;
  const firstEnd = f.i32(second);
  f.while(i32.ltS(first, firstEnd), () => walk(firsts));
  f.set(column, firsts[work.streams - 1]);
  f.while(i32.ltS(column, p.columnEnd), () => walk([column]));
}

/** (values, bias, yRow, column, columnEnd, flags): stores up to eight columns. */
export function emitStore(module: ModuleBuilder): FunctionHandle {
  return module.function(["i32", "i32", "i32", "i32", "i32", "i32"], {}, (f) => {
    const [values, bias, yRow, column, columnEnd, flags] = [0, 1, 2, 3, 4, 5].map((i) => f.parameter(i, "i32"));
    const y = f.i32(i32.add(yRow, i32.shl(column, 2)));
    const halves = [f.v128(v128.load(values)), f.v128(v128.load(values, 16))];
    f.if(bias, () => {
      for (const [i, half] of halves.entries()) {
        f.if(i32.gtS(i32.sub(columnEnd, column), i * 4), () =>
          f.set(half, f32x4.add(half, v128.load(i32.add(bias, i32.shl(column, 2)), i * 16))),
        );
      }
    });
    f.if(
      i32.geS(i32.sub(columnEnd, column), INT8_COLUMNS),
      () => {
        f.if(flags, () => {
          for (const [i, half] of halves.entries()) f.set(half, f32x4.add(v128.load(y, i * 16), half));
        });
        f.emit(v128.store(y, halves[0]), v128.store(y, halves[1], 16));
      },
      () => {
        for (let c = 0; c < INT8_COLUMNS; c++) {
          const half = halves[c >> 2];
          f.if(i32.gtS(i32.sub(columnEnd, column), c), () => {
            const previous = f32x4.add(v128.load32Splat(y, c * 4), half);
            f.if(
              flags,
              () => f.emit(v128.store32Lane(y, previous, c & 3, c * 4)),
              () => f.emit(v128.store32Lane(y, half, c & 3, c * 4)),
            );
          });
        }
      },
    );
  });
}

interface Shared {
  readonly dot: DotAdd;
  readonly isPaired: boolean;
  readonly store: FunctionHandle;
  readonly core: FunctionHandle;
}

function emitSuperGemm(module: ModuleBuilder, name: PanelFormatName, format: SuperBlockFormat, s: Shared): void {
  const record = ACTIVATION_RECORDS.i8x256.bytes;
  const blockBytes = PANEL_FORMATS[name].blockBytes * 4;
  defineKernel(module, signatureOf(name), (f, p) => {
    const blocks = f.i32(i32.shrU(p.k, 8));
    const panelBytes = f.i32(i32.mul(blocks, blockBytes));
    const tileRecords = f.i32(i32.mul(blocks, record));
    const work: Work = {
      panelBytes,
      tileRecords,
      record,
      blockBytes,
      walk: 1,
      streams: 2,
      walkPanels: (_f, panels, x, sums) => {
        walkSuperBlock(f, format, s.isPaired ? "pairs" : s.dot, { panels, x, sums });
        for (const panel of panels) f.advance(panel as Local<"i32">, blockBytes);
      },
      matrix: (_f, { panel, x, tiles, accumulators }) => {
        const [low, at, end] = [f.i32(panel), f.i32(x), f.i32(i32.add(x, tileRecords))];
        f.while(i32.ltU(at, end), () => {
          unpackSuperBlock(f, format, { block: low, scratch: p.scratch, half: 0, isPaired: s.isPaired });
          const high = f.i32(i32.add(low, panelBytes));
          unpackSuperBlock(f, format, { block: high, scratch: p.scratch, half: 1, isPaired: s.isPaired });
          f.emit(s.core.call(at, tileRecords, tiles, p.scratch, accumulators));
          f.advance(low, blockBytes);
          f.advance(at, record);
        });
      },
    };
    emitEither(f, p, work, s.store);
  });
}

function emitFloatGemm(module: ModuleBuilder, format: FloatBlockFormat, s: Shared): void {
  const { recordBytes } = format.core;
  defineKernel(module, signatureOf(format.kind), (f, p) => {
    const blocks = f.i32(i32.shrU(p.k, 5));
    const panelBytes = f.i32(i32.mul(blocks, format.blockBytes));
    const tileRecords = f.i32(i32.mul(blocks, recordBytes));
    const work: Work = {
      panelBytes,
      tileRecords,
      record: recordBytes,
      blockBytes: format.blockBytes,
      walk: 2,
      streams: 4,
      walkPanels: (_f, panels, x, sums) => {
        walkFloatBlock(f, format, s.dot, { panels, x, sums, isPaired: s.isPaired });
        for (const panel of panels) f.advance(panel as Local<"i32">, 2 * format.blockBytes);
      },
      matrix: (_f, { panel, x, tiles, accumulators }) => {
        const [low, at, block] = [f.i32(panel), f.i32(x), f.i32()];
        f.for(block, { from: 0, below: blocks, step: CHUNK_BLOCKS }, () => {
          const count = f.i32(i32.sub(blocks, block));
          f.set(count, select(count, constI32(CHUNK_BLOCKS), i32.ltS(count, CHUNK_BLOCKS)));
          unpackFloatBlocks(f, format, s.dot, { from: low, count, scratch: p.scratch, half: 0 });
          const high = i32.add(low, format.blockBytes);
          unpackFloatBlocks(f, format, s.dot, { from: high, count, scratch: p.scratch, half: 1 });
          f.emit(s.core.call(at, tileRecords, tiles, p.scratch, accumulators, count));
          f.advance(low, CHUNK_BLOCKS * 2 * format.blockBytes);
          f.advance(at, CHUNK_BLOCKS * recordBytes);
        });
      },
    };
    emitEither(f, p, work, s.store);
  });
}

function emitEither(f: FunctionBuilder, p: Parameters, work: Work, store: FunctionHandle): void {
  f.if(
    i32.eq(i32.sub(p.rowEnd, p.rowBegin), 1),
    () => emitVector(f, p, work, store),
    () => emitRows(f, p, work, store),
  );
}

const NAMES = Object.keys(FORMAT_ACTIVATIONS) as PanelFormatName[];

/** Quantised GEMM and GEMV of every integer format. */
export const quantisedGemmFamily: KernelFamily = {
  signatures: NAMES.map(signatureOf),
  emit: (module: ModuleBuilder, variant: KernelVariant) => {
    const isPaired = variant.relaxed && variant.pairs === true;
    const common = { dot: dotAdd(variant), isPaired, store: emitStore(module) };
    for (const format of [q8Zero, q4Zero, q4One]) {
      emitFloatGemm(module, format, { ...common, core: emitFloatBlockCore(module, variant, format.core) });
    }
    for (const [name, format] of Object.entries({ Q4_K: q4K, Q5_K: q5K, Q6_K: q6K } as const)) {
      const { subBlockCount: count, sums, largest } = format;
      const core = emitSubBlockCore(module, variant, { count, sums, largest });
      emitSuperGemm(module, name as "Q4_K" | "Q5_K" | "Q6_K", format, { ...common, core });
    }
  },
};
