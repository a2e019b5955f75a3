// The three inner parts of int8 attention over a block of 64 keys: scores of 4 rows × 8 keys, softmax of a row to 0…127,
// weights × values for 4 rows × 8 channels. Nothing is fused, so that bits do not depend on the variant.
import type { I32 } from "../emit/expression.ts";
import type { FunctionHandle, ModuleBuilder } from "../emit/module-builder.ts";
import { f32, i32 } from "../emit/scalar.ts";
import { f32x4, i8x16, i16x8, i32x4, v128 } from "../emit/simd.ts";
import { KEY_BLOCK } from "./attention-keys.ts";
import { dotAdd } from "./int8-dot.ts";
import type { KernelVariant } from "./kernel.ts";
import { reduceLanes, roundToInteger, vectorMath } from "./math.ts";
import { emitSteps, INT8_ROWS } from "./tile-int8.ts";

/** State of a row: running maximum, running sum, factor of the old output, factor of the new products. */
export const ROW_STATE_BYTES = 16;
const MASKED = -1e30;
/** Running maximum before any key. */
export const NO_ROW_MAXIMUM = -1e29;
export const SCORE_STRIDE = KEY_BLOCK * 4;
const LEVELS = 127;

/** Handles of the three functions. */
export interface Int8AttentionTiles {
  /** (q, k, steps, keyScales, keyZeros, queryScales, querySums, scores) */
  readonly scores: FunctionHandle;
  /** (scores, lower, upper, state, weights) */
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
    for (const [i, sum] of sums.entries()) {
      const querySum = i32x4.neg(v128.load32Splat(querySums, (i >> 1) * 4));
      f.set(sum, i32x4.mul(querySum, v128.load(zeros, (i & 1) * 16)));
    }
    emitSteps(f, dot, "weights", { x, w, steps, sums });
    for (const [i, sum] of sums.entries()) {
      const scale = f32x4.mul(v128.load(scales, (i & 1) * 16), v128.load32Splat(queryScales, (i >> 1) * 4));
      f.emit(v128.store(scores, f32x4.mul(f32x4.convertI32x4S(sum), scale), (i >> 1) * SCORE_STRIDE + (i & 1) * 16));
    }
  });
}

function emitSoftmax(module: ModuleBuilder): FunctionHandle {
  const math = vectorMath({ relaxed: false, threads: false });
  return module.function(I32S(5), {}, (f) => {
    const [scores, lower, upper, state, weights] = I32S(5).map((_, i) => f.parameter(i, "i32"));
    const at = f.i32(scores);
    const end = f.i32(i32.add(scores, SCORE_STRIDE));
    const [top, value] = [f.v128(f32x4.all(MASKED)), f.v128()];
    const isPartial = i32.or(i32.gtS(lower, 0), i32.ltS(upper, KEY_BLOCK));
    f.if(isPartial, () => {
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
    f.set(at, scores);
    f.doWhile(
      () => {
        const pairs = f32x4.pmax(v128.load(at), v128.load(at, 16));
        f.set(value, f32x4.pmax(pairs, f32x4.pmax(v128.load(at, 32), v128.load(at, 48))));
        f.set(top, f32x4.pmax(top, value));
        f.advance(at, 64);
      },
      () => i32.ltU(at, end),
    );
    reduceLanes(f, top, f32x4.max);
    const sum = f.v128(i32x4.splat(0));
    const to = f.i32(weights);
    const levels = f.v128(f32x4.all(LEVELS));
    f.set(at, scores);
    f.doWhile(
      () => {
        const four = [0, 16, 32, 48].map((offset) => {
          const weight = math.exp(f, f32x4.sub(v128.load(at, offset), top));
          return f.v128(roundToInteger(f, f32x4.mul(weight, levels)));
        });
        for (const q of four) f.set(sum, i32x4.add(sum, q));
        const [a, b, c, d] = four;
        const bytes = f.v128(i8x16.narrowI16x8S(i16x8.narrowI32x4S(a, b), i16x8.narrowI32x4S(c, d)));
        for (let step = 0; step < 4; step++) f.emit(v128.store32Lane(to, bytes, step, step * 16));
        f.advance(to, 64);
        f.advance(at, 64);
      },
      () => i32.ltU(at, end),
    );
    reduceLanes(f, sum, i32x4.add);
    const before = f.v128(v128.load32Splat(state));
    const maximum = f.v128(f32x4.pmax(before, top));
    const keep = math.exp(f, f32x4.sub(before, maximum));
    const share = f.v128(f32x4.mul(math.exp(f, f32x4.sub(top, maximum)), f32x4.all(1 / LEVELS)));
    const total = f32x4.mul(v128.load32Splat(state, 4), keep);
    f.emit(
      v128.store32Lane(state, maximum, 0),
      v128.store32Lane(state, f32x4.add(total, f32x4.mul(f32x4.convertI32x4S(sum), share)), 0, 4),
      f32.store(state, f32x4.extract(keep, 0), 8),
      f32.store(state, f32x4.extract(share, 0), 12),
    );
  });
}

function emitOutput(module: ModuleBuilder, variant: KernelVariant): FunctionHandle {
  const dot = dotAdd(variant);
  return module.function(I32S(6), {}, (f) => {
    const [weights, v, scales, states, y, yStride] = I32S(6).map((_, i) => f.parameter(i, "i32"));
    const sums = f.vectors(8);
    for (const sum of sums) f.set(sum, i32x4.splat(0));
    emitSteps(f, dot, "activations", { x: weights, w: v, steps: KEY_BLOCK / 4, sums });
    const at: I32 = y;
    for (let row = 0; row < INT8_ROWS; row++) {
      const keep = f.v128(v128.load32Splat(states, row * ROW_STATE_BYTES + 8));
      const share = f.v128(v128.load32Splat(states, row * ROW_STATE_BYTES + 12));
      for (let half = 0; half < 2; half++) {
        const scale = f32x4.mul(v128.load(scales, half * 16), share);
        const added = f32x4.mul(f32x4.convertI32x4S(sums[row * 2 + half]), scale);
        f.emit(v128.store(at, f32x4.add(f32x4.mul(v128.load(at, half * 16), keep), added), half * 16));
      }
      f.advance(y, yStride);
    }
  });
}
