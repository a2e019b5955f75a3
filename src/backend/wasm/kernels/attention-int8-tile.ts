// The three inner parts of int8 attention over a block of 64 keys: scores of 4 rows × 64 keys, softmax of a row to 0…127,
// weights × values for 4 rows (outputs are yStride bytes wide). Nothing is fused, so that bits do not depend on the variant.
import type { I32, Local, V128 } from "../emit/expression.ts";
import type { FunctionBuilder } from "../emit/function-builder.ts";
import type { FunctionHandle, ModuleBuilder } from "../emit/module-builder.ts";
import { i32 } from "../emit/scalar.ts";
import { f32x4, i8x16, i16x8, i32x4, v128 } from "../emit/simd.ts";
import { KEY_BLOCK } from "./attention-keys.ts";
import { dotAdd } from "./int8-dot.ts";
import type { KernelVariant } from "./kernel.ts";
import { reduceLanes, roundToInteger, vectorMath } from "./math.ts";
import { emitSteps, INT8_COLUMNS, INT8_ROWS } from "./tile-int8.ts";

/** State of a tile of 4 rows, f32[4] each: running maximum, running sum, factor of the old output, of the new products. */
export const TILE_STATE_BYTES = 64;
export const STATE = { maximum: 0, sum: 16, keep: 32, share: 48 } as const;
const MASKED = -1e30;
/** Running maximum before any key. */
export const NO_ROW_MAXIMUM = -1e29;
export const SCORE_STRIDE = KEY_BLOCK * 4;
const LEVELS = 127;
const ROUNDING = 12582912; // 1.5 · 2^23: adding it rounds to an integer in the low bits
// 2^r for |r| ≤ 1/2: our own weighted least squares in float64
const POWER_OF_TWO = [0.99992894, 0.693276242, 0.242604051, 0.0550886838];

/** Handles of the three functions. */
export interface Int8AttentionTiles {
  /** (q, k, steps, keyScales, keyZeros, queryScales, querySums, scores) */
  readonly scores: FunctionHandle;
  /** (scores, spans, firstKey, state, weights): spans i32[4][2] of the tile's rows */
  readonly softmax: FunctionHandle;
  /** (weights, v, valueScales, states, y, yStride) */
  readonly output: FunctionHandle;
}

const I32S = (count: number): "i32"[] => Array.from({ length: count }, () => "i32");

/** Adds the three functions to a module. */
export function emitInt8AttentionTiles(module: ModuleBuilder, variant: KernelVariant): Int8AttentionTiles {
  return { scores: emitScores(module, variant), softmax: emitSoftmax(module), output: emitOutput(module, variant) };
}

function emitScores(module: ModuleBuilder, variant: KernelVariant): FunctionHandle {
  const dot = dotAdd(variant);
  return module.function(I32S(8), {}, (f) => {
    const [x, w, steps, scales, zeros, queryScales, querySums, scores] = I32S(8).map((_, i) => f.parameter(i, "i32"));
    const sums = f.vectors(8);
    const query = f.i32();
    const end = f.i32(i32.add(scores, SCORE_STRIDE));
    f.doWhile(
      () => {
        f.set(query, x);
        for (const [i, sum] of sums.entries()) {
          const querySum = i32x4.neg(v128.load32Splat(querySums, (i >> 1) * 4));
          f.set(sum, i32x4.mul(querySum, v128.load(zeros, (i & 1) * 16)));
        }
        emitSteps(f, dot, "weights", { x: query, w, steps, sums });
        for (const [i, sum] of sums.entries()) {
          const scale = f32x4.mul(v128.load(scales, (i & 1) * 16), v128.load32Splat(queryScales, (i >> 1) * 4));
          const score = f32x4.mul(f32x4.convertI32x4S(sum), scale);
          f.emit(v128.store(scores, score, (i >> 1) * SCORE_STRIDE + (i & 1) * 16));
        }
        for (const pointer of [scales, zeros, scores]) f.advance(pointer, INT8_COLUMNS * 4);
      },
      () => i32.ltU(scores, end),
    );
  });
}

function emitSoftmax(module: ModuleBuilder): FunctionHandle {
  const math = vectorMath({ relaxed: false, threads: false });
  return module.function(I32S(5), {}, (f) => {
    const [scores, spans, first, state, weights] = I32S(5).map((_, i) => f.parameter(i, "i32"));
    // tops and sums of the four rows pass through the state's last two vectors
    forRows(f, (row) => {
      const at = f.i32(i32.add(scores, i32.mul(row, SCORE_STRIDE)));
      const span = f.i32(i32.add(spans, i32.shl(row, 3)));
      maskScores(f, at, f.i32(i32.sub(i32.load(span), first)), f.i32(i32.sub(i32.load(span, 4), first)));
      f.emit(v128.store32Lane(i32.add(state, i32.shl(row, 2)), rowMaximum(f, at), 0, STATE.share));
    });
    const before = f.v128(v128.load(state, STATE.maximum));
    const top = f.v128(v128.load(state, STATE.share));
    const maximum = f.v128(f32x4.pmax(before, top));
    const keep = math.exp(f, f32x4.sub(before, maximum));
    const share = math.exp(f, f32x4.sub(top, maximum));
    f.set(share, f32x4.mul(share, f32x4.all(1 / LEVELS)));
    forRows(f, (row) => {
      const place = f.i32(i32.add(state, i32.shl(row, 2)));
      const rowTop = f.v128(v128.load32Splat(place, STATE.share));
      const sum = f.v128(i32x4.splat(0));
      const at = f.i32(i32.add(scores, i32.mul(row, SCORE_STRIDE)));
      const to = f.i32(i32.add(weights, i32.shl(row, 2)));
      const end = f.i32(i32.add(at, SCORE_STRIDE));
      f.doWhile(
        () => {
          const four = [0, 16, 32, 48].map((offset) => {
            const weight = levelOf(f, f.v128(f32x4.sub(v128.load(at, offset), rowTop)));
            return f.v128(roundToInteger(f, weight));
          });
          const [a, b, c, d] = four;
          f.set(sum, i32x4.add(i32x4.add(i32x4.add(a, b), i32x4.add(c, d)), sum));
          const bytes = f.v128(i8x16.narrowI16x8S(i16x8.narrowI32x4S(a, b), i16x8.narrowI32x4S(c, d)));
          for (let step = 0; step < 4; step++) f.emit(v128.store32Lane(to, bytes, step, step * 16));
          f.advance(to, 64);
          f.advance(at, 64);
        },
        () => i32.ltU(at, end),
      );
      reduceLanes(f, sum, i32x4.add);
      f.emit(v128.store32Lane(place, sum, 0, STATE.keep));
    });
    const added = f32x4.mul(f32x4.convertI32x4S(v128.load(state, STATE.keep)), share);
    f.emit(
      v128.store(state, maximum, STATE.maximum),
      v128.store(state, f32x4.add(f32x4.mul(v128.load(state, STATE.sum), keep), added), STATE.sum),
      v128.store(state, keep, STATE.keep),
      v128.store(state, share, STATE.share),
    );
  });
}

/**
 * 127·e^x for x ≤ 0 with a relative error below 1e-4, a fraction of the rounding that follows; half the instructions of the
 * exact exponential. Below −20 it stays at a level that rounds to 0.
 */
function levelOf(f: FunctionBuilder, x: V128): V128 {
  const scaled = f.v128(f32x4.mul(f32x4.pmax(f.hoist(f32x4.all(-20)), x), f.hoist(f32x4.all(Math.LOG2E))));
  const shifted = f.v128(f32x4.add(scaled, f.hoist(f32x4.all(ROUNDING))));
  const r = f.v128(f32x4.sub(scaled, f32x4.sub(shifted, f.hoist(f32x4.all(ROUNDING)))));
  const [first, ...rest] = POWER_OF_TWO.toReversed().map((coefficient) => f.hoist(f32x4.all(coefficient * LEVELS)));
  const sum = f.v128(first);
  for (const coefficient of rest) f.set(sum, f32x4.add(f32x4.mul(sum, r), coefficient));
  return i32x4.add(sum, i32x4.shl(shifted, 23));
}

function forRows(f: FunctionBuilder, body: (row: I32) => void): void {
  const row = f.i32();
  f.for(row, { from: 0, below: INT8_ROWS }, () => body(row));
}

/** Scores outside lower ≤ key < upper become MASKED; most rows see all 64 keys and skip this. */
function maskScores(f: FunctionBuilder, scores: I32, lower: I32, upper: I32): void {
  f.if(i32.or(i32.gtS(lower, 0), i32.ltS(upper, KEY_BLOCK)), () => {
    const [at, end] = [f.i32(scores), f.i32(i32.add(scores, SCORE_STRIDE))];
    const lanes = f.v128(i32x4.const([0, 1, 2, 3]));
    f.doWhile(
      () => {
        const visible = v128.andnot(i32x4.gtS(i32x4.splat(upper), lanes), i32x4.gtS(i32x4.splat(lower), lanes));
        f.emit(v128.store(at, v128.bitselect(v128.load(at), f32x4.all(MASKED), visible)));
        f.set(lanes, i32x4.add(lanes, i32x4.splat(4)));
        f.advance(at, 16);
      },
      () => i32.ltU(at, end),
    );
  });
}

function rowMaximum(f: FunctionBuilder, scores: I32): Local<"v128"> {
  const tops = f.vectors(4);
  for (const [i, top] of tops.entries()) f.set(top, v128.load(scores, i * 16));
  for (let at = 64; at < SCORE_STRIDE; at += 16) {
    const top = tops[(at >> 4) & 3];
    f.set(top, f32x4.pmax(top, v128.load(scores, at)));
  }
  const [a, b, c, d] = tops;
  f.set(a, f32x4.pmax(f32x4.pmax(a, b), f32x4.pmax(c, d)));
  reduceLanes(f, a, f32x4.pmax);
  return a;
}

function emitOutput(module: ModuleBuilder, variant: KernelVariant): FunctionHandle {
  const dot = dotAdd(variant);
  return module.function(I32S(6), {}, (f) => {
    const [weights, v, scales, states, y, yStride] = I32S(6).map((_, i) => f.parameter(i, "i32"));
    const sums = f.vectors(8);
    const x = f.i32();
    const end = f.i32(i32.add(y, yStride));
    f.doWhile(
      () => {
        f.set(x, weights);
        for (const sum of sums) f.set(sum, f.hoist(i32x4.const([0, 0, 0, 0])));
        emitSteps(f, dot, "activations", { x, w: v, steps: KEY_BLOCK / 4, sums });
        const at = f.i32(y);
        for (let row = 0; row < INT8_ROWS; row++) {
          const keep = f.v128(v128.load32Splat(states, STATE.keep + row * 4));
          const share = f.v128(v128.load32Splat(states, STATE.share + row * 4));
          for (let half = 0; half < 2; half++) {
            const scale = f32x4.mul(v128.load(scales, half * 16), share);
            const added = f32x4.mul(f32x4.convertI32x4S(sums[row * 2 + half]), scale);
            f.emit(v128.store(at, f32x4.add(f32x4.mul(v128.load(at, half * 16), keep), added), half * 16));
          }
          f.advance(at, yStride);
        }
        for (const pointer of [scales, y]) f.advance(pointer, INT8_COLUMNS * 4);
      },
      () => i32.ltU(y, end),
    );
  });
}
