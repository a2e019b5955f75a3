// The gated delta rule in chunks of rows, for prefill: products of matrices in place of a pass over the state per row.
// With G the running sum of g in the chunk and D_ij = e^{G_i − G_j}:
//   ṽ_i = β_i (v_i − e^{G_i} Sᵀk_i) − Σ_{j<i} β_i (k_i·k_j) D_ij ṽ_j     a triangular solve, six rows at a time
//   y_i = e^{G_i} Sᵀq_i + Σ_{j≤i} (q_i·k_j) D_ij ṽ_j;   S ← e^{G_last} S + Σ_j e^{G_last − G_j} k_j ṽ_jᵀ
// Exponents are differences, never e^{−G}, which overflows under strong decay. NMSE against the step kernel below 1e-6.

import type { I32, Local } from "../emit/expression.ts";
import { constI32 } from "../emit/expression.ts";
import type { FunctionBuilder } from "../emit/function-builder.ts";
import type { FunctionHandle, ModuleBuilder } from "../emit/module-builder.ts";
import { f32, i32, select } from "../emit/scalar.ts";
import { f32x4, i32x4, v128 } from "../emit/simd.ts";
import type { KernelVariant } from "./kernel.ts";
import { defineKernel, kernelSignature } from "./kernel.ts";
import type { VectorMath } from "./math.ts";
import { vectorMath } from "./math.ts";
import { DELTA_ARGUMENTS } from "./recurrent.ts";
import type { F32Tiles } from "./tile-f32.ts";
import { TILE_COLUMNS, TILE_FLAG, TILE_ROWS } from "./tile-f32.ts";

/** Of 16 to 64 rows the fastest on one core: the squares grow with it, the passes over the state are already few. */
const CHUNK = 16;
const CHUNK_BYTES = CHUNK * 4;
const SQUARE_BYTES = CHUNK * CHUNK_BYTES;
const PARTS = ["sums", "gains", "rests", "betas", "known", "seen", "keys", "values"] as const;
type Part = (typeof PARTS)[number];
const FIXED_BYTES = 4 * CHUNK_BYTES + 2 * SQUARE_BYTES;

/** Arguments of deltaNet, then scratch: deltaChunkScratchBytes. Rows of one sequence follow each other. */
const deltaNetChunk = kernelSignature("deltaNetChunk", [...DELTA_ARGUMENTS, "scratch"]);

type Parameters = Readonly<Record<(typeof deltaNetChunk)["parameters"][number], Local<"i32">>>;

/** Bytes of scratch one thread needs. */
export function deltaChunkScratchBytes(keyWidth: number, valueWidth: number): number {
  return FIXED_BYTES + (keyWidth + valueWidth) * CHUNK_BYTES;
}

interface Chunk {
  readonly p: Parameters;
  readonly math: VectorMath;
  readonly product: FunctionHandle;
  /** sums G, gains e^G, rests e^{G_last − G}, betas f32[chunk]; known −β k·k D, seen q·k D [chunk][chunk]; keys [C][chunk]; values ṽ [chunk][N]. */
  readonly at: Readonly<Record<Part, Local<"i32">>>;
  readonly rows: Local<"i32">;
  readonly q: Local<"i32">;
  readonly k: Local<"i32">;
  readonly v: Local<"i32">;
  readonly y: Local<"i32">;
  readonly state: Local<"i32">;
  readonly keyBytes: Local<"i32">;
  readonly valueBytes: Local<"i32">;
}

const PRODUCT = ["x", "xStride", "w", "wStride", "k", "y", "yStride", "rows", "widthBytes", "flags"] as const;

/** y = x·W or y += x·W for any number of rows; widthBytes a multiple of 32. */
function emitProduct(module: ModuleBuilder, tiles: F32Tiles): FunctionHandle {
  const types = PRODUCT.map(() => "i32" as const);
  return module.function(types, {}, (f) => {
    const [x, xStride, w, wStride, k, y, yStride, rows, width, flags] = types.map((type, i) => f.parameter(i, type));
    const [column, row] = [f.i32(), f.i32()];
    f.for(column, { from: 0, below: width, step: TILE_COLUMNS * 4 }, () => {
      f.for(row, { from: 0, below: rows, step: TILE_ROWS }, () => {
        const left = f.i32(i32.sub(rows, row));
        tiles.call(f, f.i32(select(left, constI32(TILE_ROWS), i32.ltS(left, TILE_ROWS))), {
          x: i32.add(x, i32.mul(row, xStride)),
          xStride,
          w: i32.add(w, column),
          wStride,
          k,
          bias: constI32(0),
          y: i32.add(i32.add(y, i32.mul(row, yStride)), column),
          yStride,
          columns: constI32(TILE_COLUMNS),
          flags,
        });
      });
    });
  });
}

function forBytes(f: FunctionBuilder, below: I32 | number, step: number, body: (at: Local<"i32">) => void): void {
  const at = f.i32();
  f.for(at, { from: 0, below, step }, () => body(at));
}

const wordAt = (base: I32, index: I32): I32 => i32.add(base, i32.shl(index, 2));
const zero = constI32(0);
const accumulate = constI32(TILE_FLAG.accumulate);
const squareStride = constI32(CHUNK_BYTES);

/** Running sums of g, their exponentials, betas; entries past the chunk repeat the last sum. */
function emitGates(f: FunctionBuilder, c: Chunk, row: I32, head: I32): void {
  const { p, at, math } = c;
  const [t, sum, gate] = [f.i32(), f.f32(0), f.i32()];
  f.for(t, { from: 0, below: CHUNK }, () => {
    f.if(i32.ltS(t, c.rows), () => {
      f.set(gate, i32.shl(i32.add(i32.mul(i32.add(row, t), p.heads), head), 2));
      f.set(sum, f32.add(sum, f32.load(i32.add(p.decay, gate))));
      f.emit(f32.store(wordAt(at.betas, t), f32.load(i32.add(p.beta, gate))));
    });
    f.emit(f32.store(wordAt(at.sums, t), sum));
  });
  const last = f.v128(f32x4.splat(sum));
  forBytes(f, CHUNK_BYTES, 16, (byte) => {
    const sums = f.v128(v128.load(i32.add(at.sums, byte)));
    f.emit(v128.store(i32.add(at.gains, byte), math.exp(f, sums)));
    f.emit(v128.store(i32.add(at.rests, byte), math.exp(f, f32x4.sub(last, sums))));
  });
}

/** Keys as [C][chunk]. */
function emitTranspose(f: FunctionBuilder, c: Chunk): void {
  const t = f.i32();
  f.for(t, { from: 0, below: c.rows }, () => {
    const from = f.i32(i32.add(c.k, i32.mul(t, c.p.keyRowStride)));
    const to = f.i32(wordAt(c.at.keys, t));
    forBytes(f, c.keyBytes, 16, (byte) => {
      const four = f.v128(v128.load(i32.add(from, byte)));
      for (let lane = 0; lane < 4; lane++) f.emit(v128.store32Lane(to, four, lane, lane * CHUNK_BYTES));
      f.advance(to, 4 * CHUNK_BYTES);
    });
  });
}

/** Products of rows and keys, decayed; `seen` is zero above its diagonal, `known` is never read there. */
function emitSquares(f: FunctionBuilder, c: Chunk): void {
  const { p, at, product, math } = c;
  const width = i32.shl(i32.and(i32.add(c.rows, TILE_COLUMNS - 1), -TILE_COLUMNS), 2);
  for (const [rows, to] of [
    [c.k, at.known],
    [c.q, at.seen],
  ] as const) {
    const key = [rows, p.keyRowStride, at.keys, squareStride, p.keyWidth] as const;
    f.emit(product.call(...key, to, squareStride, c.rows, width, zero));
  }
  const i = f.i32();
  f.for(i, { from: 0, below: c.rows }, () => {
    const own = f.v128(v128.load32Splat(wordAt(at.sums, i)));
    const rate = f.v128(f32x4.neg(v128.load32Splat(wordAt(at.betas, i))));
    const row = f.i32(i32.mul(i, CHUNK_BYTES));
    const lanes = f.v128(i32x4.const([0, 1, 2, 3]));
    forBytes(f, CHUNK_BYTES, 16, (byte) => {
      const seen = f.i32(i32.add(i32.add(at.seen, row), byte));
      f.if(
        i32.gtS(byte, i32.shl(i, 2)),
        () => f.emit(v128.store(seen, f32x4.all(0))),
        () => {
          const decay = math.exp(f, f32x4.sub(own, v128.load(i32.add(at.sums, byte))));
          const isPast = i32x4.gtS(i32x4.splat(i32.add(i, 1)), lanes);
          f.emit(v128.store(seen, v128.and(f32x4.mul(v128.load(seen), decay), isPast)));
          const known = f.i32(i32.add(i32.add(at.known, row), byte));
          f.emit(v128.store(known, f32x4.mul(f32x4.mul(v128.load(known), decay), rate)));
        },
      );
      f.set(lanes, i32x4.add(lanes, i32x4.splat(4)));
    });
  });
}

/** values ← ṽ. */
function emitSolve(f: FunctionBuilder, c: Chunk): void {
  const { p, at, product, valueBytes } = c;
  const key = [c.k, p.keyRowStride, c.state, valueBytes, p.keyWidth] as const;
  f.emit(product.call(...key, at.values, valueBytes, c.rows, valueBytes, zero));
  const [i, first, r] = [f.i32(), f.i32(), f.i32()];
  f.for(i, { from: 0, below: c.rows }, () => {
    const [gain, rate] = [at.gains, at.betas].map((base) => f.v128(v128.load32Splat(wordAt(base, i))));
    const from = f.i32(i32.add(c.v, i32.mul(i, p.vRowStride)));
    const to = f.i32(i32.add(at.values, i32.mul(i, valueBytes)));
    forBytes(f, valueBytes, 16, (byte) => {
      const cell = f.i32(i32.add(to, byte));
      const rest = f32x4.sub(v128.load(i32.add(from, byte)), f32x4.mul(gain, v128.load(cell)));
      f.emit(v128.store(cell, f32x4.mul(rate, rest)));
    });
  });
  const valueRow = (row: I32): I32 => i32.add(at.values, i32.mul(row, valueBytes));
  f.for(first, { from: 0, below: c.rows, step: TILE_ROWS }, () => {
    const left = f.i32(i32.sub(c.rows, first));
    f.set(left, select(left, constI32(TILE_ROWS), i32.ltS(left, TILE_ROWS)));
    const known = f.i32(i32.add(at.known, i32.mul(first, CHUNK_BYTES)));
    const before = [known, squareStride, at.values, valueBytes, first] as const;
    f.emit(product.call(...before, valueRow(first), valueBytes, left, valueBytes, accumulate));
    f.for(r, { from: 1, below: left }, () => {
      const x = i32.add(wordAt(known, first), i32.mul(r, CHUNK_BYTES));
      const inside = [x, squareStride, valueRow(first), valueBytes, r] as const;
      f.emit(product.call(...inside, valueRow(i32.add(first, r)), valueBytes, constI32(1), valueBytes, accumulate));
    });
  });
}

function scaleRow(f: FunctionBuilder, row: I32, bytes: I32, factor: Local<"v128">): void {
  const base = f.i32(row);
  forBytes(f, bytes, 16, (byte) => {
    const cell = f.i32(i32.add(base, byte));
    f.emit(v128.store(cell, f32x4.mul(v128.load(cell), factor)));
  });
}

function emitOutputs(f: FunctionBuilder, c: Chunk): void {
  const { p, at, product, valueBytes } = c;
  const query = [c.q, p.keyRowStride, c.state, valueBytes, p.keyWidth] as const;
  f.emit(product.call(...query, c.y, p.yRowStride, c.rows, valueBytes, zero));
  const i = f.i32();
  f.for(i, { from: 0, below: c.rows }, () =>
    scaleRow(f, i32.add(c.y, i32.mul(i, p.yRowStride)), valueBytes, f.v128(v128.load32Splat(wordAt(at.gains, i)))),
  );
  const seen = [at.seen, squareStride, at.values, valueBytes, c.rows] as const;
  f.emit(product.call(...seen, c.y, p.yRowStride, c.rows, valueBytes, accumulate));
}

function emitState(f: FunctionBuilder, c: Chunk): void {
  const { p, at, product, valueBytes } = c;
  const channel = f.i32();
  f.for(channel, { from: 0, below: p.keyWidth }, () => {
    const row = f.i32(i32.add(at.keys, i32.mul(channel, CHUNK_BYTES)));
    forBytes(f, i32.shl(c.rows, 2), 16, (byte) => {
      const cell = f.i32(i32.add(row, byte));
      f.emit(v128.store(cell, f32x4.mul(v128.load(cell), v128.load(i32.add(at.rests, byte)))));
    });
  });
  const keep = f.v128(v128.load32Splat(wordAt(at.gains, i32.sub(c.rows, 1))));
  scaleRow(f, c.state, i32.mul(p.keyWidth, valueBytes), keep);
  const keys = [at.keys, squareStride, at.values, valueBytes, c.rows] as const;
  f.emit(product.call(...keys, c.state, valueBytes, p.keyWidth, valueBytes, accumulate));
}

function layOut(f: FunctionBuilder, p: Parameters): Readonly<Record<Part, Local<"i32">>> {
  const next = f.i32(p.scratch);
  const entries = PARTS.map((part) => {
    const at = f.i32(next);
    if (part === "keys") f.advance(next, i32.mul(p.keyWidth, CHUNK_BYTES));
    else f.advance(next, part === "known" || part === "seen" ? SQUARE_BYTES : CHUNK_BYTES);
    return [part, at] as const;
  });
  return Object.fromEntries(entries) as Record<Part, Local<"i32">>;
}

/** Rows from `row` on that belong to the same sequence, at most a chunk. */
function countRows(f: FunctionBuilder, p: Parameters, row: I32, sequence: I32): Local<"i32"> {
  const rows = f.i32(1);
  const isNext = (): I32 => {
    const next = i32.add(row, rows);
    const inside = i32.and(i32.ltS(rows, CHUNK), i32.ltS(next, p.rows));
    // past the end the first row is read instead
    const other = i32.load(wordAt(p.sequence, i32.mul(next, inside)));
    return i32.and(inside, i32.eq(other, sequence));
  };
  f.while(isNext(), () => f.advance(rows, 1));
  return rows;
}

/** Adds deltaNetChunk to a module. */
export const deltaChunkFamily = {
  signatures: [deltaNetChunk],
  emit: (module: ModuleBuilder, variant: KernelVariant, tiles: F32Tiles): void => {
    const product = emitProduct(module, tiles);
    const math = vectorMath(variant);
    defineKernel(module, deltaNetChunk, (f, p) => {
      const at = layOut(f, p);
      const [head, row] = [f.i32(), f.i32()];
      const [keyBytes, valueBytes] = [f.i32(i32.shl(p.keyWidth, 2)), f.i32(i32.shl(p.valueWidth, 2))];
      const stateBytes = f.i32(i32.mul(p.keyWidth, valueBytes));
      const place = (base: I32, headStride: I32, rowStride: I32): Local<"i32"> =>
        f.i32(i32.add(i32.add(base, i32.mul(head, headStride)), i32.mul(row, rowStride)));
      f.for(head, { from: p.headBegin, below: p.headEnd }, () => {
        f.set(row, 0);
        f.while(i32.ltS(row, p.rows), () => {
          const sequence = f.i32(i32.load(wordAt(p.sequence, row)));
          const rows = countRows(f, p, row, sequence);
          const chunk: Chunk = {
            p,
            math,
            product,
            at,
            rows,
            keyBytes,
            valueBytes,
            q: place(p.q, p.keyHeadStride, p.keyRowStride),
            k: place(p.k, p.keyHeadStride, p.keyRowStride),
            v: place(p.v, p.vHeadStride, p.vRowStride),
            y: place(p.y, p.yHeadStride, p.yRowStride),
            state: f.i32(i32.add(p.state, i32.mul(i32.add(i32.mul(sequence, p.heads), head), stateBytes))),
          };
          emitGates(f, chunk, row, head);
          for (const emit of [emitTranspose, emitSquares, emitSolve, emitOutputs, emitState]) emit(f, chunk);
          f.advance(row, rows);
        });
      });
    });
  },
};
