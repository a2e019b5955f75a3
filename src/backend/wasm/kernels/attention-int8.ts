// softmax(q·kᵀ·scale)·v in 8 bit: queries signed, keys 0…127 with a zero point, both with one scale per head and position;
// softmax weights 0…127 against the largest of their block of 64 keys; values signed with one scale per channel and block.
// Sums and the output stay f32, the exponential of a weight is as fine as its rounding needs, and weights are normalised by
// the sum of what was rounded.
// Blocks of 512 virtual rows (token · groupSize + head), because packing 64 keys costs as much as 30 rows of work.

import type { I32, Local } from "../emit/expression.ts";
import { constI32 } from "../emit/expression.ts";
import type { FunctionBuilder } from "../emit/function-builder.ts";
import type { ModuleBuilder } from "../emit/module-builder.ts";
import { f32, i32, memory, select } from "../emit/scalar.ts";
import { f32x4, v128 } from "../emit/simd.ts";
import { packKey, packQuery, packValues } from "./attention-int8-pack.ts";
import type { Int8AttentionTiles } from "./attention-int8-tile.ts";
import {
  emitInt8AttentionTiles,
  NO_ROW_MAXIMUM,
  SCORE_STRIDE,
  STATE,
  TILE_STATE_BYTES,
} from "./attention-int8-tile.ts";
import { KEY_BLOCK } from "./attention-keys.ts";
import { scaleVectors } from "./attention-softmax.ts";
import type { KernelFamily } from "./kernel.ts";
import { defineKernel, kernelSignature, splatBits } from "./kernel.ts";
import { INT8_COLUMNS, INT8_ROWS } from "./tile-int8.ts";

const QUERY_BLOCK = 512;
const SPAN_BYTES = 8;
const WEIGHT_TILE_BYTES = INT8_ROWS * KEY_BLOCK;

/**
 * Arguments as of attentionF32, plus keyCount M, and keyMean: 0 or f32[G][C], a vector taken off all keys of a group (their mean makes
 * the rounding finer where keys share an offset). scratch: attentionInt8ScratchBytes(C).
 */
const attentionInt8 = kernelSignature("attentionInt8", [
  "q",
  "qHeadStride",
  "qRowStride",
  "y",
  "yHeadStride",
  "yRowStride",
  "k",
  "kHeadStride",
  "kRowStride",
  "v",
  "vHeadStride",
  "vRowStride",
  "rowBegin",
  "rowEnd",
  "groupBegin",
  "groupEnd",
  "groupSize",
  "headWidth",
  "spans",
  "scaleBits",
  "scratch",
  "keyCount",
  "keyMean",
]);

type Parameters = Readonly<Record<(typeof attentionInt8)["parameters"][number], Local<"i32">>>;

/** Parts of scratch, in order; sizes in bytes as a function of the head width. */
const PARTS = {
  keys: (c: number) => KEY_BLOCK * c,
  keyScales: () => KEY_BLOCK * 4,
  keyZeros: () => KEY_BLOCK * 4,
  values: (c: number) => KEY_BLOCK * c,
  valueScales: (c: number) => c * 4,
  scores: () => INT8_ROWS * SCORE_STRIDE,
  weights: () => WEIGHT_TILE_BYTES,
  queryScales: () => QUERY_BLOCK * 4,
  querySums: () => QUERY_BLOCK * 4,
  spans: () => QUERY_BLOCK * SPAN_BYTES,
  states: () => (QUERY_BLOCK / INT8_ROWS) * TILE_STATE_BYTES,
  queries: (c: number) => QUERY_BLOCK * c,
  outputs: (c: number) => QUERY_BLOCK * c * 4,
} as const;

type Part = keyof typeof PARTS;
const PART_NAMES = Object.keys(PARTS) as Part[];

/** Bytes of scratch one thread needs for heads of width C. */
export function attentionInt8ScratchBytes(headWidth: number): number {
  return PART_NAMES.reduce((sum, part) => sum + PARTS[part](headWidth), 0);
}

interface Context {
  readonly p: Parameters;
  readonly tiles: Int8AttentionTiles;
  readonly at: Readonly<Record<Part, Local<"i32">>>;
  readonly group: Local<"i32">;
  readonly widthBytes: Local<"i32">;
}

function minimum(f: FunctionBuilder, a: I32, b: I32): Local<"i32"> {
  const [x, y] = [f.i32(a), f.i32(b)];
  return f.i32(select(x, y, i32.ltS(x, y)));
}

/** Address of each part: a size that is linear in C is its value at 0 plus C times its slope. */
function layOut(f: FunctionBuilder, p: Parameters): Readonly<Record<Part, Local<"i32">>> {
  const next = f.i32(p.scratch);
  const entries = PART_NAMES.map((part) => {
    const at = f.i32(next);
    const [fixed, slope] = [PARTS[part](0), PARTS[part](1) - PARTS[part](0)];
    f.advance(next, i32.add(fixed, i32.mul(p.headWidth, slope)));
    return [part, at] as const;
  });
  return Object.fromEntries(entries) as Record<Part, Local<"i32">>;
}

function emitAttention(f: FunctionBuilder, p: Parameters, tiles: Int8AttentionTiles): void {
  const context: Context = { p, tiles, at: layOut(f, p), group: f.i32(), widthBytes: f.i32(i32.shl(p.headWidth, 2)) };
  const [first, index] = [f.i32(), f.i32()];
  const end = f.i32(i32.mul(p.rowEnd, p.groupSize));
  f.for(context.group, { from: p.groupBegin, below: p.groupEnd }, () => {
    f.for(first, { from: i32.mul(p.rowBegin, p.groupSize), below: end, step: QUERY_BLOCK }, () => {
      const rows = minimum(f, i32.sub(end, first), constI32(QUERY_BLOCK));
      const [keyBegin, keyEnd] = [f.i32(0x7fffffff), f.i32(0)];
      f.for(index, { from: 0, below: rows }, () => stageRow(f, context, { first, index, keyBegin, keyEnd }));
      emitBlock(f, context, rows, keyBegin, keyEnd);
      f.for(index, { from: 0, below: rows }, () => writeRow(f, context, first, index));
    });
  });
}

function headAddress(c: Context, which: "q" | "y", row: I32): I32 {
  const { p } = c;
  const [base, headStride, rowStride] =
    which === "q" ? [p.q, p.qHeadStride, p.qRowStride] : [p.y, p.yHeadStride, p.yRowStride];
  const head = i32.add(i32.mul(c.group, p.groupSize), i32.remU(row, p.groupSize));
  return i32.add(i32.add(base, i32.mul(head, headStride)), i32.mul(i32.divU(row, p.groupSize), rowStride));
}

/** Place of a row in its tile's state. */
function stateOf(c: Context, index: I32): I32 {
  const tile = i32.mul(i32.shrU(index, 2), TILE_STATE_BYTES);
  return i32.add(i32.add(c.at.states, tile), i32.shl(i32.and(index, INT8_ROWS - 1), 2));
}

interface Staging {
  readonly first: I32;
  readonly index: I32;
  readonly keyBegin: Local<"i32">;
  readonly keyEnd: Local<"i32">;
}

function stageRow(f: FunctionBuilder, c: Context, { first, index, keyBegin, keyEnd }: Staging): void {
  const { p, at } = c;
  const row = f.i32(i32.add(first, index));
  const tile = i32.mul(i32.and(index, -INT8_ROWS), p.headWidth);
  packQuery(f, f.i32(headAddress(c, "q", row)), splatBits(p.scaleBits), p.headWidth, {
    bytes: i32.add(i32.add(at.queries, tile), i32.shl(i32.and(index, INT8_ROWS - 1), 2)),
    step: INT8_ROWS * 4,
    scale: i32.add(at.queryScales, i32.shl(index, 2)),
    integer: i32.add(at.querySums, i32.shl(index, 2)),
  });
  const from = f.i32(i32.add(p.spans, i32.shl(i32.divU(row, p.groupSize), 3)));
  const [begin, end] = [f.i32(i32.load(from)), f.i32(i32.load(from, 4))];
  const span = f.i32(i32.add(at.spans, i32.shl(index, 3)));
  const state = f.i32(stateOf(c, index));
  f.emit(
    i32.store(span, begin),
    i32.store(span, end, 4),
    f32.store(state, NO_ROW_MAXIMUM, STATE.maximum),
    f32.store(state, 0, STATE.sum),
    memory.fill(i32.add(at.outputs, i32.mul(index, c.widthBytes)), 0, c.widthBytes),
  );
  f.set(keyBegin, select(begin, keyBegin, i32.ltS(begin, keyBegin)));
  f.set(keyEnd, select(end, keyEnd, i32.gtS(end, keyEnd)));
}

function emitBlock(f: FunctionBuilder, c: Context, rows: I32, keyBegin: I32, keyEnd: I32): void {
  const { p, at } = c;
  const [first, row] = [f.i32(), f.i32()];
  // whole blocks are packed, whatever the rows at hand see of them: scales must not depend on how rows are cut
  f.for(first, { from: i32.and(keyBegin, -KEY_BLOCK), below: keyEnd, step: KEY_BLOCK }, () => {
    const count = minimum(f, i32.sub(p.keyCount, first), constI32(KEY_BLOCK));
    packKeyBlock(f, c, first, count);
    const stride = p.vRowStride;
    const from = f.i32(i32.add(i32.add(p.v, i32.mul(c.group, p.vHeadStride)), i32.mul(first, stride)));
    packValues(f, { from, stride, count, headWidth: p.headWidth }, at.values, at.valueScales);
    f.for(row, { from: 0, below: rows, step: INT8_ROWS }, () => {
      const tileRows = minimum(f, i32.sub(rows, row), constI32(INT8_ROWS));
      f.if(anyVisible(f, c, row, tileRows, first), () => emitTile(f, c, row, first));
    });
  });
}

function packKeyBlock(f: FunctionBuilder, c: Context, first: I32, count: I32): void {
  const { p, at } = c;
  const key = f.i32();
  const mean = f.i32(select(i32.add(p.keyMean, i32.mul(c.group, c.widthBytes)), constI32(0), p.keyMean));
  f.for(key, { from: 0, below: count }, () => {
    const position = i32.add(first, key);
    const from = i32.add(i32.add(p.k, i32.mul(c.group, p.kHeadStride)), i32.mul(position, p.kRowStride));
    const panel = i32.mul(i32.and(key, -INT8_COLUMNS), p.headWidth);
    packKey(f, f.i32(from), mean, p.headWidth, {
      bytes: i32.add(i32.add(at.keys, panel), i32.shl(i32.and(key, INT8_COLUMNS - 1), 2)),
      step: INT8_COLUMNS * 4,
      scale: i32.add(at.keyScales, i32.shl(key, 2)),
      integer: i32.add(at.keyZeros, i32.shl(key, 2)),
    });
  });
}

function anyVisible(f: FunctionBuilder, c: Context, row: I32, rows: I32, first: I32): Local<"i32"> {
  const [visible, r, span] = [f.i32(0), f.i32(), f.i32()];
  f.for(r, { from: 0, below: rows }, () => {
    f.set(span, i32.add(c.at.spans, i32.shl(i32.add(row, r), 3)));
    const overlaps = i32.and(i32.ltS(i32.load(span), i32.add(first, KEY_BLOCK)), i32.gtS(i32.load(span, 4), first));
    f.set(visible, i32.or(visible, overlaps));
  });
  return visible;
}

function emitTile(f: FunctionBuilder, c: Context, row: I32, first: I32): void {
  const { p, at, tiles } = c;
  const word = f.i32(i32.shl(row, 2));
  f.emit(
    tiles.scores.call(
      i32.add(at.queries, i32.mul(row, p.headWidth)),
      at.keys,
      i32.shrU(p.headWidth, 2),
      at.keyScales,
      at.keyZeros,
      i32.add(at.queryScales, word),
      i32.add(at.querySums, word),
      at.scores,
    ),
  );
  const states = f.i32(i32.add(at.states, i32.mul(row, TILE_STATE_BYTES / INT8_ROWS)));
  f.emit(tiles.softmax.call(at.scores, i32.add(at.spans, i32.shl(row, 3)), first, states, at.weights));
  const output = i32.add(at.outputs, i32.mul(row, c.widthBytes));
  f.emit(tiles.output.call(at.weights, at.values, at.valueScales, states, output, c.widthBytes));
}

function writeRow(f: FunctionBuilder, c: Context, first: I32, index: I32): void {
  const sum = f.f32(f32.load(stateOf(c, index), STATE.sum));
  const factor = f.v128(f32x4.splat(select(f32.const(0), f32.div(1, sum), f32.eq(sum, 0))));
  const from = i32.add(c.at.outputs, i32.mul(index, c.widthBytes));
  scaleVectors(f, f.i32(headAddress(c, "y", i32.add(first, index))), f.i32(from), c.widthBytes, factor);
}

/** keyMean f32[G][C] = mean of keys [0, count) of each group; strides in bytes. */
const keyMeans = kernelSignature("keyMeans", [
  "k",
  "kHeadStride",
  "kRowStride",
  "count",
  "groupBegin",
  "groupEnd",
  "headWidth",
  "keyMean",
]);

function emitKeyMeans(module: ModuleBuilder): void {
  defineKernel(module, keyMeans, (f, p) => {
    const [group, key, at] = [f.i32(), f.i32(), f.i32()];
    const widthBytes = f.i32(i32.shl(p.headWidth, 2));
    const share = f.v128(f32x4.div(f32x4.all(1), f32x4.splat(f32.convertI32(p.count))));
    f.for(group, { from: p.groupBegin, below: p.groupEnd }, () => {
      const to = f.i32(i32.add(p.keyMean, i32.mul(group, widthBytes)));
      f.for(at, { from: 0, below: widthBytes, step: 16 }, () => {
        const from = f.i32(i32.add(i32.add(p.k, i32.mul(group, p.kHeadStride)), at));
        const sum = f.v128(f32x4.all(0));
        f.for(key, { from: 0, below: p.count }, () => {
          f.set(sum, f32x4.add(sum, v128.load(from)));
          f.advance(from, p.kRowStride);
        });
        f.emit(v128.store(i32.add(to, at), f32x4.mul(sum, share)));
      });
    });
  });
}

/** int8 attention and the means it can use. */
export const attentionInt8Family: KernelFamily = {
  signatures: [attentionInt8, keyMeans],
  emit: (module, variant) => {
    const tiles = emitInt8AttentionTiles(module, variant);
    defineKernel(module, attentionInt8, (f, p) => emitAttention(f, p, tiles));
    emitKeyMeans(module);
  },
};
