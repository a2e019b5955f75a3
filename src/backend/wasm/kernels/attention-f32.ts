// softmax(q·kᵀ·scale)·v without a full score matrix. The query heads that share a key-value head form the rows together:
// virtual row = token · groupSize + head, so that keys are packed once for all of them and decoding one token still
// fills the tile. Blocks of 96 virtual rows are copied to scratch; per 64 keys, scores of 6 rows go through the f32 tile,
// an online softmax rescales the rows, and weights times values are added by the same tile. Key blocks begin at
// multiples of 64, so that a row's bits do not depend on how rows are cut over threads.

import type { I32, Local } from "../emit/expression.ts";
import { constI32 } from "../emit/expression.ts";
import type { FunctionBuilder } from "../emit/function-builder.ts";
import type { ModuleBuilder } from "../emit/module-builder.ts";
import { f32, i32, memory, select } from "../emit/scalar.ts";
import { f32x4 } from "../emit/simd.ts";
import type { KeySource } from "./attention-keys.ts";
import { copyValues, KEY_BLOCK, packKeys } from "./attention-keys.ts";
import type { SoftmaxOperands } from "./attention-softmax.ts";
import { emitSoftmaxStep, NO_MAXIMUM, STATE_BYTES, scaleVectors } from "./attention-softmax.ts";
import type { KernelSignature, KernelVariant } from "./kernel.ts";
import { defineKernel, kernelSignature } from "./kernel.ts";
import type { F32Tiles } from "./tile-f32.ts";
import { TILE_COLUMNS, TILE_FLAG, TILE_ROWS } from "./tile-f32.ts";

const QUERY_BLOCK = 96;
const SCORE_STRIDE = KEY_BLOCK * 4;
const SPAN_BYTES = 8;

const QUERY_ARGUMENTS = ["q", "qHeadStride", "qRowStride", "y", "yHeadStride", "yRowStride"] as const;
const RANGE_ARGUMENTS = [
  "rowBegin",
  "rowEnd",
  "groupBegin",
  "groupEnd",
  "groupSize",
  "headWidth",
  "spans",
  "scaleBits",
  "scratch",
] as const;

/**
 * q, y: [H, N, C], k, v: [G, M, C] by byte strides; any order of axes. Group g serves query heads g·groupSize ….
 * spans: i32[N][2], row n sees keys begin ≤ m < end (an empty span gives 0). headWidth C: a multiple of 8. scratch:
 * attentionScratchBytes(C) bytes.
 */
export const attentionF32 = kernelSignature("attentionF32", [
  ...QUERY_ARGUMENTS,
  "k",
  "kHeadStride",
  "kRowStride",
  "v",
  "vHeadStride",
  "vRowStride",
  ...RANGE_ARGUMENTS,
]);

const CACHE_ARGUMENTS = [
  ...QUERY_ARGUMENTS,
  "k",
  "v",
  "slotStride",
  "headStride",
  "table",
  "tablePages",
  "pageSize",
  ...RANGE_ARGUMENTS,
] as const;

/**
 * The same over a paged cache [slot, G, C]. spans: i32[N][2] = (sequence, length), row n sees positions below length of
 * its sequence; position p lies in slot table[sequence·tablePages + p ÷ pageSize]·pageSize + p mod pageSize. pageSize is
 * a power of two.
 */
export const attentionCachedF16 = kernelSignature("attentionCachedF16", CACHE_ARGUMENTS);
/** The same over an f32 cache. */
export const attentionCachedF32 = kernelSignature("attentionCachedF32", CACHE_ARGUMENTS);

/** Bytes of scratch one thread needs for heads of width C. */
export function attentionScratchBytes(headWidth: number): number {
  const matrices = 2 * KEY_BLOCK + 2 * QUERY_BLOCK;
  return matrices * headWidth * 4 + TILE_ROWS * SCORE_STRIDE + QUERY_BLOCK * (STATE_BYTES + SPAN_BYTES);
}

type Parameters = Readonly<Record<(typeof QUERY_ARGUMENTS)[number] | (typeof RANGE_ARGUMENTS)[number], Local<"i32">>>;

interface Tools {
  readonly tiles: F32Tiles;
  readonly softmaxStep: (f: FunctionBuilder, operands: SoftmaxOperands) => void;
}

interface Context extends Tools {
  readonly p: Parameters;
  readonly source: KeySource;
  readonly isCached: boolean;
  readonly sequence: Local<"i32">;
  readonly group: Local<"i32">;
  readonly widthBytes: Local<"i32">;
  /** Parts of scratch. */
  readonly values: Local<"i32">;
  readonly queries: Local<"i32">;
  readonly outputs: Local<"i32">;
  readonly scores: Local<"i32">;
  readonly states: Local<"i32">;
  readonly spans: Local<"i32">;
}

/** The attention kernels. */
export const attentionFamily = {
  signatures: [attentionF32, attentionCachedF16, attentionCachedF32] as readonly KernelSignature[],
  emit: (module: ModuleBuilder, variant: KernelVariant, tiles: F32Tiles): void => {
    const tools = { tiles, softmaxStep: emitSoftmaxStep(module, variant) };
    defineKernel(module, attentionF32, (f, p) => {
      const group = f.i32();
      const address = (which: "k" | "v", key: I32): I32 =>
        which === "k"
          ? i32.add(i32.add(p.k, i32.mul(group, p.kHeadStride)), i32.mul(key, p.kRowStride))
          : i32.add(i32.add(p.v, i32.mul(group, p.vHeadStride)), i32.mul(key, p.vRowStride));
      const source = {
        isHalf: false,
        address: (_f: FunctionBuilder, which: "k" | "v", key: I32) => address(which, key),
      };
      emitAttention(f, tools, p, { source, group, sequence: f.i32(), isCached: false });
    });
    for (const signature of [attentionCachedF16, attentionCachedF32]) {
      defineKernel(module, signature, (f, p) => {
        const [group, sequence] = [f.i32(), f.i32()];
        const source = pagedSource(p, group, sequence, signature === attentionCachedF16);
        emitAttention(f, tools, p, { source, group, sequence, isCached: true });
      });
    }
  },
};

type CacheParameters = Readonly<Record<(typeof CACHE_ARGUMENTS)[number], Local<"i32">>>;

function pagedSource(p: CacheParameters, group: I32, sequence: I32, isHalf: boolean): KeySource {
  return {
    isHalf,
    address: (f, which, position) => {
      const page = i32.add(i32.mul(sequence, p.tablePages), i32.divU(position, p.pageSize));
      const first = i32.mul(i32.load(i32.add(p.table, i32.shl(page, 2))), p.pageSize);
      const slot = f.i32(i32.add(first, i32.and(position, i32.sub(p.pageSize, 1))));
      return i32.add(i32.add(p[which], i32.mul(slot, p.slotStride)), i32.mul(group, p.headStride));
    },
  };
}

function minimum(f: FunctionBuilder, a: I32, b: I32): Local<"i32"> {
  const [x, y] = [f.i32(a), f.i32(b)];
  return f.i32(select(x, y, i32.ltS(x, y)));
}

function emitAttention(
  f: FunctionBuilder,
  tools: Tools,
  p: Parameters,
  given: Pick<Context, "source" | "group" | "sequence" | "isCached">,
): void {
  const widthBytes = f.i32(i32.shl(p.headWidth, 2));
  const values = f.i32(i32.add(p.scratch, i32.mul(widthBytes, KEY_BLOCK)));
  const queries = f.i32(i32.add(values, i32.mul(widthBytes, KEY_BLOCK)));
  const outputs = f.i32(i32.add(queries, i32.mul(widthBytes, QUERY_BLOCK)));
  const scores = f.i32(i32.add(outputs, i32.mul(widthBytes, QUERY_BLOCK)));
  const states = f.i32(i32.add(scores, TILE_ROWS * SCORE_STRIDE));
  const spans = f.i32(i32.add(states, QUERY_BLOCK * STATE_BYTES));
  const c: Context = { ...tools, ...given, p, widthBytes, values, queries, outputs, scores, states, spans };
  f.for(c.group, { from: p.groupBegin, below: p.groupEnd }, () => {
    const row = f.i32(i32.mul(p.rowBegin, p.groupSize));
    const end = f.i32(i32.mul(p.rowEnd, p.groupSize));
    f.while(i32.ltS(row, end), () => {
      const rows = f.i32(0);
      const [keyBegin, keyEnd] = [f.i32(0x7fffffff), f.i32(0)];
      f.set(c.sequence, sequenceOf(c, row));
      const limit = minimum(f, i32.sub(end, row), constI32(QUERY_BLOCK));
      f.block((full) =>
        f.loop((again) => {
          stageRow(f, c, row, rows, keyBegin, keyEnd);
          f.advance(rows, 1);
          f.branchIf(i32.geS(rows, limit), full);
          f.branchIf(i32.eq(sequenceOf(c, i32.add(row, rows)), c.sequence), again);
        }),
      );
      emitBlock(f, c, rows, keyBegin, keyEnd);
      writeOutputs(f, c, row, rows);
      f.advance(row, rows);
    });
  });
}

/** Sequence of a virtual row; rows of one block must share it. Without a cache all rows do. */
function sequenceOf(c: Context, row: I32): I32 {
  if (!c.isCached) return constI32(0);
  return i32.load(i32.add(c.p.spans, i32.shl(i32.divU(row, c.p.groupSize), 3)));
}

function headAddress(c: Context, which: "q" | "y", row: I32): I32 {
  const { p } = c;
  const [base, headStride, rowStride] =
    which === "q" ? [p.q, p.qHeadStride, p.qRowStride] : [p.y, p.yHeadStride, p.yRowStride];
  const head = i32.add(i32.mul(c.group, p.groupSize), i32.remU(row, p.groupSize));
  return i32.add(i32.add(base, i32.mul(head, headStride)), i32.mul(i32.divU(row, p.groupSize), rowStride));
}

/** Copies the query of virtual row `first + index`, clears its output and notes its span. */
function stageRow(
  f: FunctionBuilder,
  c: Context,
  first: I32,
  index: I32,
  keyBegin: Local<"i32">,
  keyEnd: Local<"i32">,
): void {
  const row = f.i32(i32.add(first, index));
  const offset = f.i32(i32.mul(index, c.widthBytes));
  const state = f.i32(i32.add(c.states, i32.mul(index, STATE_BYTES)));
  const span = f.i32(i32.add(c.p.spans, i32.shl(i32.divU(row, c.p.groupSize), 3)));
  const begin = f.i32(c.isCached ? constI32(0) : i32.load(span));
  const end = f.i32(i32.load(span, 4));
  const to = f.i32(i32.add(c.spans, i32.mul(index, SPAN_BYTES)));
  f.emit(
    memory.copy(i32.add(c.queries, offset), headAddress(c, "q", row), c.widthBytes),
    memory.fill(i32.add(c.outputs, offset), 0, c.widthBytes),
    f32.store(state, NO_MAXIMUM),
    f32.store(state, 0, 4),
    i32.store(to, begin),
    i32.store(to, end, 4),
  );
  f.set(keyBegin, select(begin, keyBegin, i32.ltS(begin, keyBegin)));
  f.set(keyEnd, select(end, keyEnd, i32.gtS(end, keyEnd)));
}

function emitBlock(f: FunctionBuilder, c: Context, rows: I32, keyBegin: I32, keyEnd: I32): void {
  const first = f.i32();
  f.for(first, { from: i32.and(keyBegin, -KEY_BLOCK), below: keyEnd, step: KEY_BLOCK }, () => {
    const count = minimum(f, i32.sub(keyEnd, first), constI32(KEY_BLOCK));
    const block = { first, count, headWidth: c.p.headWidth };
    packKeys(f, c.source, block, c.p.scratch);
    copyValues(f, c.source, block, c.values);
    const row = f.i32();
    f.set(row, 0);
    f.while(i32.ltS(row, rows), () => {
      const left = f.i32(i32.sub(rows, row));
      const tileRows = minimum(f, left, constI32(TILE_ROWS));
      // 7 rows as 4 + 3, not 6 + 1: a tile of one row takes as long as one of four
      f.if(i32.and(i32.gtS(left, TILE_ROWS), i32.ltS(left, TILE_ROWS + 3)), () => f.set(tileRows, 4));
      f.if(anyVisible(f, c, row, tileRows, first, count), () => emitTilePair(f, c, row, tileRows, first, count));
      f.advance(row, tileRows);
    });
  });
}

function spanOf(c: Context, row: I32): I32 {
  return i32.add(c.spans, i32.mul(row, SPAN_BYTES));
}

function anyVisible(f: FunctionBuilder, c: Context, row: I32, rows: I32, first: I32, count: I32): Local<"i32"> {
  const visible = f.i32(0);
  const [r, span] = [f.i32(), f.i32()];
  f.for(r, { from: 0, below: rows }, () => {
    f.set(span, spanOf(c, i32.add(row, r)));
    const overlaps = i32.and(i32.ltS(i32.load(span), i32.add(first, count)), i32.gtS(i32.load(span, 4), first));
    f.set(visible, i32.or(visible, overlaps));
  });
  return visible;
}

function emitTilePair(f: FunctionBuilder, c: Context, row: I32, rows: I32, first: I32, keys: I32): void {
  const at = f.i32();
  const fixed = { bias: constI32(0), columns: constI32(TILE_COLUMNS) };
  f.for(at, { from: 0, below: keys, step: TILE_COLUMNS }, () =>
    c.tiles.call(f, rows, {
      ...fixed,
      x: i32.add(c.queries, i32.mul(row, c.widthBytes)),
      xStride: c.widthBytes,
      w: i32.add(c.p.scratch, i32.mul(at, c.widthBytes)),
      wStride: constI32(TILE_COLUMNS * 4),
      k: c.p.headWidth,
      y: i32.add(c.scores, i32.shl(at, 2)),
      yStride: constI32(SCORE_STRIDE),
      flags: constI32(0),
    }),
  );
  const output = f.i32(i32.add(c.outputs, i32.mul(row, c.widthBytes)));
  const r = f.i32();
  f.for(r, { from: 0, below: rows }, () => {
    const span = f.i32(spanOf(c, i32.add(row, r)));
    c.softmaxStep(f, {
      scores: i32.add(c.scores, i32.mul(r, SCORE_STRIDE)),
      keys,
      lower: i32.sub(i32.load(span), first),
      upper: i32.sub(i32.load(span, 4), first),
      scaleBits: c.p.scaleBits,
      state: i32.add(c.states, i32.mul(i32.add(row, r), STATE_BYTES)),
      yRow: i32.add(output, i32.mul(r, c.widthBytes)),
      widthBytes: c.widthBytes,
    });
  });
  f.for(at, { from: 0, below: c.p.headWidth, step: TILE_COLUMNS }, () =>
    c.tiles.call(f, rows, {
      ...fixed,
      x: c.scores,
      xStride: constI32(SCORE_STRIDE),
      w: i32.add(c.values, i32.shl(at, 2)),
      wStride: c.widthBytes,
      k: keys,
      y: i32.add(output, i32.shl(at, 2)),
      yStride: c.widthBytes,
      flags: constI32(TILE_FLAG.accumulate),
    }),
  );
}

function writeOutputs(f: FunctionBuilder, c: Context, first: I32, rows: I32): void {
  const row = f.i32();
  f.for(row, { from: 0, below: rows }, () => {
    const sum = f.f32(f32.load(i32.add(c.states, i32.mul(row, STATE_BYTES)), 4));
    const isEmpty = f32.eq(sum, 0);
    const factor = f.v128(f32x4.splat(select(f32.const(0), f32.div(1, sum), isEmpty)));
    const to = f.i32(headAddress(c, "y", i32.add(first, row)));
    scaleVectors(f, to, i32.add(c.outputs, i32.mul(row, c.widthBytes)), c.widthBytes, factor);
  });
}
