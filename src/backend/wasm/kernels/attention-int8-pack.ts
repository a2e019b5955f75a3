// Keys, values and queries of int8 attention, quantised while they are packed to scratch.
import type { I32, Local, V128 } from "../emit/expression.ts";
import type { FunctionBuilder } from "../emit/function-builder.ts";
import { i32 } from "../emit/scalar.ts";
import { f32x4, i8x16, i16x8, i32x4, v128 } from "../emit/simd.ts";
import { KEY_BLOCK } from "./attention-keys.ts";
import { reduceLanes, roundToInteger } from "./math.ts";

const FLUSH_BELOW = 1e-20;
const V_STEPS = KEY_BLOCK / 4;
const LOW_BYTES = [0, 4, 8, 12, 0, 4, 8, 12, 0, 4, 8, 12, 0, 4, 8, 12];
const KEYS_OF_CHANNELS = [0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15];

function unlessTiny(magnitude: Local<"v128">, value: V128): V128 {
  return v128.and(value, f32x4.ge(magnitude, f32x4.all(FLUSH_BELOW)));
}

function rounded(f: FunctionBuilder, value: V128, factor: V128): V128 {
  return roundToInteger(f, f32x4.mul(value, factor));
}

function forVectors(f: FunctionBuilder, headWidth: I32, body: (byteOffset: Local<"i32">) => void): void {
  const at = f.i32();
  f.for(at, { from: 0, below: i32.shl(headWidth, 2), step: 16 }, () => body(at));
}

/** Where a packed row goes: its bytes every `step` bytes, its scale and its integer (zero point or sum). */
export interface RowTarget {
  readonly bytes: I32;
  readonly step: number;
  readonly scale: I32;
  readonly integer: I32;
}

/** A key as 0…127 with a zero point, after `mean` (0 or f32[C]) is taken off: softmax does not see a common shift of keys. */
export function packKey(f: FunctionBuilder, from: I32, mean: I32, headWidth: I32, target: RowTarget): void {
  const [low, high, value] = [f.v128(f32x4.all(0)), f.v128(f32x4.all(0)), f.v128()];
  const load = (at: I32): void => {
    f.set(value, v128.load(i32.add(from, at)));
    f.if(mean, () => f.set(value, f32x4.sub(value, v128.load(i32.add(mean, at)))));
  };
  forVectors(f, headWidth, (at) => {
    load(at);
    f.set(low, f32x4.min(low, value));
    f.set(high, f32x4.max(high, value));
  });
  reduceLanes(f, low, f32x4.min);
  reduceLanes(f, high, f32x4.max);
  const range = f.v128(f32x4.sub(high, low));
  const inverse = f.v128(unlessTiny(range, f32x4.div(f32x4.all(127), range)));
  const zero = f.v128(rounded(f, f32x4.neg(low), inverse));
  f.emit(
    v128.store32Lane(target.scale, unlessTiny(range, f32x4.mul(range, f32x4.all(1 / 127))), 0),
    v128.store32Lane(target.integer, zero, 0),
  );
  const to = f.i32(target.bytes);
  forVectors(f, headWidth, (at) => {
    load(at);
    const shifted = i32x4.add(rounded(f, value, inverse), zero);
    f.set(
      value,
      i32x4.minS(i32x4.maxS(shifted, f.hoist(i32x4.const([0, 0, 0, 0]))), f.hoist(i32x4.const([127, 127, 127, 127]))),
    );
    f.emit(v128.store32Lane(to, i8x16.shuffle(value, value, LOW_BYTES), 0));
    f.advance(to, target.step);
  });
}

/** A query as signed bytes with the sum of them; `factor` (the softmax scale) goes into its scale. */
export function packQuery(f: FunctionBuilder, from: I32, factor: V128, headWidth: I32, target: RowTarget): void {
  const magnitude = f.v128(f32x4.all(0));
  forVectors(f, headWidth, (at) => f.set(magnitude, f32x4.max(magnitude, f32x4.abs(v128.load(i32.add(from, at))))));
  reduceLanes(f, magnitude, f32x4.max);
  const inverse = f.v128(unlessTiny(magnitude, f32x4.div(f32x4.all(127), magnitude)));
  const scale = f32x4.mul(unlessTiny(magnitude, f32x4.mul(magnitude, f32x4.all(1 / 127))), factor);
  f.emit(v128.store32Lane(target.scale, scale, 0));
  const [sum, q] = [f.v128(i32x4.splat(0)), f.v128()];
  const to = f.i32(target.bytes);
  forVectors(f, headWidth, (at) => {
    f.set(q, rounded(f, v128.load(i32.add(from, at)), inverse));
    f.set(sum, i32x4.add(sum, q));
    f.emit(v128.store32Lane(to, i8x16.shuffle(q, q, LOW_BYTES), 0));
    f.advance(to, target.step);
  });
  reduceLanes(f, sum, i32x4.add);
  f.emit(v128.store32Lane(target.integer, sum, 0));
}

/**
 * The block's values as signed bytes [C/8][16][8][4 keys] with one scale per channel f32[C]. `count` keys are read, the
 * others repeat the last: their weights are 0.
 */
export function packValues(
  f: FunctionBuilder,
  p: { readonly from: I32; readonly stride: I32; readonly count: I32; readonly headWidth: I32 },
  to: I32,
  scales: I32,
): void {
  forVectors(f, p.headWidth, (channel) => {
    const [at, key, magnitude] = [f.i32(), f.i32(), f.v128(f32x4.all(0))];
    f.set(at, i32.add(p.from, channel));
    f.for(key, { from: 0, below: p.count }, () => {
      f.set(magnitude, f32x4.max(magnitude, f32x4.abs(v128.load(at))));
      f.advance(at, p.stride);
    });
    const inverse = f.v128(unlessTiny(magnitude, f32x4.div(f32x4.all(127), magnitude)));
    f.emit(v128.store(i32.add(scales, channel), unlessTiny(magnitude, f32x4.mul(magnitude, f32x4.all(1 / 127)))));
    const group = i32.mul(i32.shrU(channel, 5), V_STEPS * 32);
    const out = f.i32(i32.add(i32.add(to, group), i32.and(channel, 16)));
    f.set(at, i32.add(p.from, channel));
    f.for(key, { from: 0, below: p.count, step: 4 }, () => {
      const four = f.vectors(4);
      for (const [i, vector] of four.entries()) {
        f.set(vector, rounded(f, v128.load(at), inverse));
        f.if(i32.ltS(i32.add(key, i + 1), p.count), () => f.advance(at, p.stride));
      }
      const [a, b, c, d] = four;
      const bytes = f.v128(i8x16.narrowI16x8S(i16x8.narrowI32x4S(a, b), i16x8.narrowI32x4S(c, d)));
      f.emit(v128.store(out, i8x16.shuffle(bytes, bytes, KEYS_OF_CHANNELS)));
      f.advance(out, 32);
    });
  });
}
