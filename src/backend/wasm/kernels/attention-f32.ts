// softmax(q·kᵀ·scale)·v without a full score matrix. For each head, query block of 96 rows and key block of 64: the
// keys are packed to [8][C][8] panels once, scores of 6 rows × 64 keys go to scratch, an online softmax (running maximum
// and sum per row) rescales the output row, and the weights times v are accumulated into it by the same f32 tile.
// The key blocks of a row begin at its segment's start, so results do not depend on how rows are cut over threads.

import type { I32, Local } from "../emit/expression.ts";
import { constI32 } from "../emit/expression.ts";
import type { FunctionBuilder } from "../emit/function-builder.ts";
import type { FunctionHandle, ModuleBuilder } from "../emit/module-builder.ts";
import { f32, i32, memory, select } from "../emit/scalar.ts";
import { f32x4, i32x4, v128 } from "../emit/simd.ts";
import { widenF16 } from "./float16.ts";
import type { KernelSignature, KernelVariant } from "./kernel.ts";
import { defineKernel, kernelSignature } from "./kernel.ts";
import { reduceLanes, vectorMath } from "./math.ts";
import type { F32Tiles } from "./tile-f32.ts";
import { TILE_COLUMNS, TILE_FLAG, TILE_ROWS } from "./tile-f32.ts";

const QUERY_BLOCK = 96;
const KEY_BLOCK = 64;
const SCORE_STRIDE = KEY_BLOCK * 4;
const STATE_BYTES = 8; // running maximum, running sum
const MASKED = -1e30; // finite: −inf − −inf would be NaN

const SHARED_ARGUMENTS = [
  "y",
  "yStride",
  "rowBegin",
  "rowEnd",
  "headBegin",
  "headEnd",
  "headWidth",
  "groupSize",
  "keyCount",
  "querySegments",
  "keySegments",
  "segmentCount",
  "queryOffset",
  "isCausal",
  "scaleBits",
  "scratch",
] as const;

/**
 * q [T, H·C], k and v [S, G·C], y [T, H·C]: f32 rows with byte strides; headWidth C a multiple of 8; groupSize = H / G.
 * querySegments, keySegments: 0, or i32[segmentCount + 1] starts; rows of segment s see the keys of segment s only
 * (keySegments 0: the same starts). isCausal: row r sees keys ≤ r + queryOffset. scratch: attentionScratchBytes(C).
 */
export const attentionF32 = kernelSignature("attentionF32", [
  "q",
  "qStride",
  "k",
  "kStride",
  "v",
  "vStride",
  ...SHARED_ARGUMENTS,
]);

/**
 * The same over a paged f16 cache: slots is i32[S], the physical slot of each position; the f16 values of head g of a
 * slot stand at k + slot·kStride + g·C·2, likewise v.
 */
export const attentionCachedF16 = kernelSignature("attentionCachedF16", [
  "q",
  "qStride",
  "k",
  "kStride",
  "v",
  "vStride",
  "slots",
  ...SHARED_ARGUMENTS,
]);

/** Bytes of scratch one thread needs for heads of width C. */
export function attentionScratchBytes(headWidth: number): number {
  return 2 * KEY_BLOCK * headWidth * 4 + TILE_ROWS * SCORE_STRIDE + QUERY_BLOCK * STATE_BYTES;
}

type Parameters = Readonly<Record<(typeof attentionF32)["parameters"][number], Local<"i32">>>;

/** Where the keys and values of one call come from. */
interface KeySource {
  /** Address of head data of key `key` in k or v. */
  address(f: FunctionBuilder, p: Parameters, which: "k" | "v", key: I32, head: I32): I32;
  readonly isHalf: boolean;
}

interface Context {
  readonly p: Parameters;
  readonly source: KeySource;
  readonly tiles: F32Tiles;
  readonly softmaxStep: FunctionHandle;
  readonly widthBytes: I32;
  readonly valueScratch: I32;
  readonly scores: I32;
  readonly state: I32;
  readonly row: Local<"i32">;
  readonly key: Local<"i32">;
  readonly keyHead: Local<"i32">;
}

/** Both attention kernels. */
export const attentionFamily = {
  signatures: [attentionF32, attentionCachedF16] as readonly KernelSignature[],
  emit: (module: ModuleBuilder, variant: KernelVariant, tiles: F32Tiles): void => {
    const softmaxStep = emitSoftmaxStep(module, variant);
    defineKernel(module, attentionF32, (f, p) => emitAttention(f, p, contiguous, tiles, softmaxStep));
    defineKernel(module, attentionCachedF16, (f, p) => emitAttention(f, p, paged(p.slots), tiles, softmaxStep));
  },
};

const contiguous: KeySource = {
  isHalf: false,
  address: (_f, p, which, key, head) => {
    const [base, stride] = which === "k" ? [p.k, p.kStride] : [p.v, p.vStride];
    return i32.add(i32.add(base, i32.mul(key, stride)), i32.shl(i32.mul(head, p.headWidth), 2));
  },
};

function paged(slots: I32): KeySource {
  return {
    isHalf: true,
    address: (f, p, which, key, head) => {
      const [base, stride] = which === "k" ? [p.k, p.kStride] : [p.v, p.vStride];
      const slot = f.i32(i32.load(i32.add(slots, i32.shl(key, 2))));
      return i32.add(i32.add(base, i32.mul(slot, stride)), i32.shl(i32.mul(head, p.headWidth), 1));
    },
  };
}

function minimum(a: I32, b: I32): I32 {
  return select(a, b, i32.ltS(a, b));
}

function maximumOf(a: I32, b: I32): I32 {
  return select(a, b, i32.gtS(a, b));
}

function emitAttention(
  f: FunctionBuilder,
  p: Parameters,
  source: KeySource,
  tiles: F32Tiles,
  softmaxStep: FunctionHandle,
): void {
  const widthBytes = f.i32(i32.shl(p.headWidth, 2));
  const valueScratch = f.i32(i32.add(p.scratch, i32.mul(widthBytes, KEY_BLOCK)));
  const scores = f.i32(i32.add(valueScratch, i32.mul(widthBytes, KEY_BLOCK)));
  const state = f.i32(i32.add(scores, TILE_ROWS * SCORE_STRIDE));
  const [row, key, keyHead] = [f.i32(), f.i32(), f.i32()];
  const context = { p, source, tiles, softmaxStep, widthBytes, valueScratch, scores, state, row, key, keyHead };
  const head = f.i32();
  f.for(head, { from: p.headBegin, below: p.headEnd }, () => {
    f.set(keyHead, i32.divU(head, p.groupSize));
    forSegments(f, p, (rowBegin, rowEnd, keyBegin, keyEnd) => {
      const blockBegin = f.i32();
      f.for(blockBegin, { from: rowBegin, below: rowEnd, step: QUERY_BLOCK }, () => {
        const blockEnd = f.i32(minimum(f.i32(i32.add(blockBegin, QUERY_BLOCK)), rowEnd));
        emitQueryBlock(f, context, head, { rowBegin: blockBegin, rowEnd: blockEnd, keyBegin, keyEnd });
      });
    });
  });
}

type SegmentBody = (rowBegin: I32, rowEnd: I32, keyBegin: I32, keyEnd: I32) => void;

function forSegments(f: FunctionBuilder, p: Parameters, body: SegmentBody): void {
  const [rowBegin, rowEnd, keyBegin, keyEnd] = [f.i32(), f.i32(), f.i32(), f.i32()];
  const segment = f.i32();
  const count = f.i32(select(p.segmentCount, constI32(1), p.querySegments));
  const keyStarts = f.i32(select(p.keySegments, p.querySegments, p.keySegments));
  f.for(segment, { from: 0, below: count }, () => {
    f.set(rowBegin, p.rowBegin);
    f.set(rowEnd, p.rowEnd);
    f.set(keyBegin, 0);
    f.set(keyEnd, p.keyCount);
    f.if(p.querySegments, () => {
      const starts = f.i32(i32.add(p.querySegments, i32.shl(segment, 2)));
      f.set(rowBegin, maximumOf(rowBegin, f.i32(i32.load(starts))));
      f.set(rowEnd, minimum(rowEnd, f.i32(i32.load(starts, 4))));
      f.set(starts, i32.add(keyStarts, i32.shl(segment, 2)));
      f.set(keyBegin, i32.load(starts));
      f.set(keyEnd, i32.load(starts, 4));
    });
    f.if(i32.ltS(rowBegin, rowEnd), () => body(rowBegin, rowEnd, keyBegin, keyEnd));
  });
}

interface Block {
  readonly rowBegin: I32;
  readonly rowEnd: I32;
  readonly keyBegin: I32;
  readonly keyEnd: I32;
}

function emitQueryBlock(f: FunctionBuilder, c: Context, head: I32, block: Block): void {
  const { p, row } = c;
  const yHead = f.i32(i32.add(p.y, i32.mul(head, c.widthBytes)));
  const qHead = f.i32(i32.add(p.q, i32.mul(head, c.widthBytes)));
  const stateOf = (): I32 => i32.add(c.state, i32.mul(i32.sub(row, block.rowBegin), STATE_BYTES));
  f.for(row, { from: block.rowBegin, below: block.rowEnd }, () => {
    f.emit(
      f32.store(stateOf(), MASKED),
      f32.store(stateOf(), 0, 4),
      memory.fill(i32.add(yHead, i32.mul(row, p.yStride)), 0, c.widthBytes),
    );
  });
  // keys past the last row's limit are masked for every row of the block: they need not be visited
  const causalEnd = f.i32(i32.add(block.rowEnd, p.queryOffset));
  const keyEnd = f.i32(select(minimum(causalEnd, block.keyEnd), block.keyEnd, p.isCausal));
  f.for(c.key, { from: block.keyBegin, below: keyEnd, step: KEY_BLOCK }, () => {
    const keys = f.i32(minimum(f.i32(i32.sub(keyEnd, c.key)), constI32(KEY_BLOCK)));
    packKeys(f, c, keys);
    const values = stageValues(f, c, keys);
    f.for(row, { from: block.rowBegin, below: block.rowEnd, step: TILE_ROWS }, () => {
      const rows = f.i32(minimum(f.i32(i32.sub(block.rowEnd, row)), constI32(TILE_ROWS)));
      emitTilePair(f, c, { rows, keys, qHead, yHead, values, state: stateOf() });
    });
  });
  f.for(row, { from: block.rowBegin, below: block.rowEnd }, () => {
    const scale = f.v128(f32x4.div(f32x4.all(1), v128.load32Splat(stateOf(), 4)));
    scaleRow(f, i32.add(yHead, i32.mul(row, p.yStride)), c.widthBytes, scale);
  });
}

function packKeys(f: FunctionBuilder, c: Context, keys: I32): void {
  const { p } = c;
  const index = f.i32();
  f.for(index, { from: 0, below: keys }, () => {
    const from = f.i32(c.source.address(f, p, "k", i32.add(c.key, index), c.keyHead));
    const panel = i32.mul(i32.and(index, -TILE_COLUMNS), c.widthBytes);
    const to = f.i32(i32.add(i32.add(p.scratch, panel), i32.shl(i32.and(index, TILE_COLUMNS - 1), 2)));
    forHeadVectors(f, c, from, (value) => {
      for (let lane = 0; lane < 4; lane++) f.emit(v128.store32Lane(to, value, lane, lane * TILE_COLUMNS * 4));
      f.advance(to, 4 * TILE_COLUMNS * 4);
    });
  });
}

function forHeadVectors(
  f: FunctionBuilder,
  c: Context,
  from: Local<"i32">,
  body: (value: Local<"v128">) => void,
): void {
  const count = f.i32();
  f.for(count, { from: 0, below: c.p.headWidth, step: 4 }, () => {
    const half = (): Local<"v128"> => widenF16(f, v128.load16x4U(from));
    body(c.source.isHalf ? half() : f.v128(v128.load(from)));
    f.advance(from, c.source.isHalf ? 8 : 16);
  });
}

/** Address and stride of the block's values as f32 rows; f16 values are widened into scratch. */
function stageValues(f: FunctionBuilder, c: Context, keys: I32): { readonly at: I32; readonly stride: I32 } {
  if (!c.source.isHalf) {
    return { at: f.i32(c.source.address(f, c.p, "v", c.key, c.keyHead)), stride: c.p.vStride };
  }
  const index = f.i32();
  const to = f.i32(c.valueScratch);
  f.for(index, { from: 0, below: keys }, () => {
    const from = f.i32(c.source.address(f, c.p, "v", i32.add(c.key, index), c.keyHead));
    forHeadVectors(f, c, from, (value) => {
      f.emit(v128.store(to, value));
      f.advance(to, 16);
    });
  });
  return { at: c.valueScratch, stride: c.widthBytes };
}

interface TilePair {
  readonly rows: I32;
  readonly keys: I32;
  readonly qHead: I32;
  readonly yHead: I32;
  readonly values: { readonly at: I32; readonly stride: I32 };
  readonly state: I32;
}

function emitTilePair(f: FunctionBuilder, c: Context, t: TilePair): void {
  const { p } = c;
  const zero = constI32(0);
  const eight = constI32(TILE_COLUMNS);
  const at = f.i32();
  const y = f.i32(i32.add(t.yHead, i32.mul(c.row, p.yStride)));
  f.for(at, { from: 0, below: t.keys, step: TILE_COLUMNS }, () =>
    c.tiles.call(f, t.rows, {
      x: i32.add(t.qHead, i32.mul(c.row, p.qStride)),
      xStride: p.qStride,
      w: i32.add(p.scratch, i32.mul(at, c.widthBytes)),
      wStride: constI32(TILE_COLUMNS * 4),
      k: p.headWidth,
      bias: zero,
      y: i32.add(c.scores, i32.shl(at, 2)),
      yStride: constI32(SCORE_STRIDE),
      columns: eight,
      flags: zero,
    }),
  );
  const r = f.i32();
  f.for(r, { from: 0, below: t.rows }, () => {
    const lastKey = i32.sub(i32.add(i32.add(c.row, r), i32.add(p.queryOffset, 1)), c.key);
    const visible = f.i32(select(minimum(f.i32(lastKey), t.keys), t.keys, p.isCausal));
    const scores = i32.add(c.scores, i32.mul(r, SCORE_STRIDE));
    const state = i32.add(t.state, i32.mul(r, STATE_BYTES));
    f.emit(
      c.softmaxStep.call(scores, t.keys, visible, p.scaleBits, state, i32.add(y, i32.mul(r, p.yStride)), c.widthBytes),
    );
  });
  f.for(at, { from: 0, below: p.headWidth, step: TILE_COLUMNS }, () =>
    c.tiles.call(f, t.rows, {
      x: c.scores,
      xStride: constI32(SCORE_STRIDE),
      w: i32.add(t.values.at, i32.shl(at, 2)),
      wStride: t.values.stride,
      k: t.keys,
      bias: zero,
      y: i32.add(y, i32.shl(at, 2)),
      yStride: p.yStride,
      columns: eight,
      flags: constI32(TILE_FLAG.accumulate),
    }),
  );
}

/** (scores, keys, visible, scaleBits, state, yRow, widthBytes): scores become weights, state and yRow are rescaled. */
function emitSoftmaxStep(module: ModuleBuilder, variant: KernelVariant): FunctionHandle {
  const math = vectorMath(variant);
  return module.function(["i32", "i32", "i32", "i32", "i32", "i32", "i32"], {}, (f) => {
    const [scores, keys, visible, scaleBits, state, yRow, widthBytes] = [0, 1, 2, 3, 4, 5, 6].map((index) =>
      f.parameter(index, "i32"),
    );
    const scale = f.v128(f32x4.splat(f32.reinterpretI32(scaleBits)));
    const before = f.v128(v128.load32Splat(state));
    const maximum = f.v128(before);
    const value = f.v128();
    const lanes = f.v128(i32x4.const([0, 1, 2, 3]));
    const limit = f.v128(i32x4.splat(visible));
    const at = f.i32(scores);
    const end = f.i32(i32.add(scores, i32.shl(keys, 2)));
    f.while(i32.ltU(at, end), () => {
      const masked = v128.bitselect(f32x4.mul(v128.load(at), scale), f32x4.all(MASKED), i32x4.gtS(limit, lanes));
      f.set(value, masked);
      f.set(maximum, f32x4.pmax(maximum, value));
      f.emit(v128.store(at, value));
      f.set(lanes, i32x4.add(lanes, i32x4.splat(4)));
      f.advance(at, 16);
    });
    reduceLanes(f, maximum, f32x4.max);
    const sum = f.v128(f32x4.all(0));
    f.set(at, scores);
    f.while(i32.ltU(at, end), () => {
      const weight = math.exp(f, f32x4.sub(v128.load(at), maximum));
      f.set(sum, f32x4.add(sum, weight));
      f.emit(v128.store(at, weight));
      f.advance(at, 16);
    });
    reduceLanes(f, sum, f32x4.add);
    const factor = math.exp(f, f32x4.sub(before, maximum));
    f.set(sum, f32x4.add(sum, f32x4.mul(factor, v128.load32Splat(state, 4))));
    f.emit(v128.store32Lane(state, maximum, 0), v128.store32Lane(state, sum, 0, 4));
    f.if(f32.lt(f32x4.extract(factor, 0), 1), () => scaleRow(f, yRow, widthBytes, factor));
  });
}

function scaleRow(f: FunctionBuilder, row: I32, bytes: I32, factor: Local<"v128">): void {
  const at = f.i32(row);
  const end = f.i32(i32.add(at, bytes));
  f.while(i32.ltU(at, end), () => {
    f.emit(v128.store(at, f32x4.mul(v128.load(at), factor)));
    f.advance(at, 16);
  });
}
