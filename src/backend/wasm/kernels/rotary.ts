// Rotary embedding in two steps: a table of cosines and sines per position, shared by all layers, then the rotation.
import type { I32, Local, V128 } from "../emit/expression.ts";
import type { FunctionBuilder } from "../emit/function-builder.ts";
import type { ModuleBuilder } from "../emit/module-builder.ts";
import { i32 } from "../emit/scalar.ts";
import { f32x4, f64x2, i8x16, i32x4, v128 } from "../emit/simd.ts";
import type { KernelFamily } from "./kernel.ts";
import { defineKernel, kernelSignature } from "./kernel.ts";

/**
 * table f32[N][2][pairs] = cos θ, sin θ with θ = fround(position · frequency); positions i32[N] below 2^24, frequencies
 * f32[pairs], pairs a multiple of 4. isInverse negates the sines.
 */
export const rotaryTable = kernelSignature("rotaryTable", [
  "positions",
  "frequencies",
  "pairs",
  "table",
  "rowBegin",
  "rowEnd",
  "isInverse",
]);

const ROTARY_ARGUMENTS = [
  "x",
  "xHeadStride",
  "xRowStride",
  "y",
  "yHeadStride",
  "yRowStride",
  "headBegin",
  "headEnd",
  "rowBegin",
  "rowEnd",
  "headWidth",
  "pairs",
  "table",
] as const;

/** Pairs value i with i + pairs; values from 2·pairs on are copied. x, y by byte strides; in place. Widths multiples of 4. */
export const rotaryHalf = kernelSignature("rotaryHalf", ROTARY_ARGUMENTS);
/** Pairs value 2i with 2i + 1. */
export const rotaryAdjacent = kernelSignature("rotaryAdjacent", ROTARY_ARGUMENTS);

// Taylor series on |r| ≤ π/4: errors below 4e-8 and 3e-9
const SINE = [1, -1 / 6, 1 / 120, -1 / 5040, 1 / 362880];
const COSINE = [1, -1 / 2, 1 / 24, -1 / 720, 1 / 40320];

function horner(f: FunctionBuilder, coefficients: readonly number[], x: V128): Local<"v128"> {
  const [highest = 0, ...rest] = coefficients.toReversed();
  const sum = f.v128(f32x4.all(highest));
  for (const coefficient of rest) f.set(sum, f32x4.add(f32x4.mul(sum, x), f32x4.all(coefficient)));
  return sum;
}

/** Quarter turns and remainder of an f32 angle: in f64, since an f32 reduction of 30,000 rad keeps three digits. */
function reduceAngle(f: FunctionBuilder, angle: Local<"v128">): { quarter: Local<"v128">; rest: Local<"v128"> } {
  const part = (value: V128): { turns: V128; rest: V128 } => {
    const wide = f.v128(f64x2.promoteLowF32x4(value));
    const turns = f.v128(f64x2.nearest(f64x2.mul(wide, f64x2.all(2 / Math.PI))));
    return { turns, rest: f64x2.sub(wide, f64x2.mul(turns, f64x2.all(Math.PI / 2))) };
  };
  const low = part(angle);
  const high = part(i8x16.shuffle(angle, angle, [8, 9, 10, 11, 12, 13, 14, 15, 0, 0, 0, 0, 0, 0, 0, 0]));
  const join = (a: V128, b: V128): Local<"v128"> => {
    const halves = [f32x4.demoteF64x2Zero(a), f32x4.demoteF64x2Zero(b)] as const;
    return f.v128(i8x16.shuffle(...halves, [0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23]));
  };
  const turns = join(low.turns, high.turns);
  return { quarter: f.v128(i32x4.truncSatF32x4S(turns)), rest: join(low.rest, high.rest) };
}

function emitTable(module: ModuleBuilder): void {
  defineKernel(module, rotaryTable, (f, p) => {
    const [row, at] = [f.i32(), f.i32()];
    const bytes = f.i32(i32.shl(p.pairs, 2));
    const one = i32x4.splat(1);
    const flip = f.v128(i32x4.splat(i32.shl(p.isInverse, 31)));
    f.for(row, { from: p.rowBegin, below: p.rowEnd }, () => {
      const position = f.v128(f32x4.convertI32x4S(v128.load32Splat(i32.add(p.positions, i32.shl(row, 2)))));
      const to = f.i32(i32.add(p.table, i32.mul(i32.mul(row, bytes), 2)));
      f.for(at, { from: 0, below: bytes, step: 16 }, () => {
        const angle = f.v128(f32x4.mul(position, v128.load(i32.add(p.frequencies, at))));
        const { quarter, rest } = reduceAngle(f, angle);
        const square = f.v128(f32x4.mul(rest, rest));
        const sine = horner(f, SINE, square);
        f.set(sine, f32x4.mul(sine, rest));
        const cosine = horner(f, COSINE, square);
        const swap = f.v128(i32x4.eq(v128.and(quarter, one), one));
        const sineSign = i32x4.shl(i32x4.shrU(quarter, 1), 31);
        const cosineSign = i32x4.shl(i32x4.shrU(i32x4.add(quarter, one), 1), 31);
        const cosineOut = v128.xor(v128.bitselect(sine, cosine, swap), cosineSign);
        const sineOut = v128.xor(v128.bitselect(cosine, sine, swap), v128.xor(sineSign, flip));
        f.emit(v128.store(i32.add(to, at), cosineOut), v128.store(i32.add(i32.add(to, at), bytes), sineOut));
      });
    });
  });
}

type Rotate = (f: FunctionBuilder, x: I32, y: I32, cosines: I32, pairs: I32) => void;

const rotateHalf: Rotate = (f, x, y, cosines, pairs) => {
  const bytes = f.i32(i32.shl(pairs, 2));
  const at = f.i32();
  f.for(at, { from: 0, below: bytes, step: 16 }, () => {
    const a = f.v128(v128.load(i32.add(x, at)));
    const b = f.v128(v128.load(i32.add(i32.add(x, bytes), at)));
    const cosine = f.v128(v128.load(i32.add(cosines, at)));
    const sine = f.v128(v128.load(i32.add(i32.add(cosines, bytes), at)));
    f.emit(
      v128.store(i32.add(y, at), f32x4.sub(f32x4.mul(a, cosine), f32x4.mul(b, sine))),
      v128.store(i32.add(i32.add(y, bytes), at), f32x4.add(f32x4.mul(a, sine), f32x4.mul(b, cosine))),
    );
  });
};

const DUPLICATE_LOW = [0, 1, 2, 3, 0, 1, 2, 3, 4, 5, 6, 7, 4, 5, 6, 7];
const SWAP_PAIRS = [4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11];

const rotateAdjacent: Rotate = (f, x, y, cosines, pairs) => {
  const bytes = f.i32(i32.shl(pairs, 2));
  const at = f.i32();
  const negateEven = f32x4.const([-0, 0, -0, 0]);
  f.for(at, { from: 0, below: bytes, step: 8 }, () => {
    const value = f.v128(v128.load(i32.add(x, i32.shl(at, 1))));
    const swapped = i8x16.shuffle(value, value, SWAP_PAIRS);
    const spread = (address: I32): V128 => {
      const two = f.v128(v128.load64Zero(address));
      return i8x16.shuffle(two, two, DUPLICATE_LOW);
    };
    const cosine = spread(i32.add(cosines, at));
    const sine = v128.xor(spread(i32.add(i32.add(cosines, bytes), at)), negateEven);
    f.emit(v128.store(i32.add(y, i32.shl(at, 1)), f32x4.add(f32x4.mul(value, cosine), f32x4.mul(swapped, sine))));
  });
};

function emitRotation(module: ModuleBuilder, signature: typeof rotaryHalf, rotate: Rotate): void {
  defineKernel(module, signature, (f, p) => {
    const [head, row, at] = [f.i32(), f.i32(), f.i32()];
    f.for(head, { from: p.headBegin, below: p.headEnd }, () => {
      f.for(row, { from: p.rowBegin, below: p.rowEnd }, () => {
        const x = f.i32(i32.add(i32.add(p.x, i32.mul(head, p.xHeadStride)), i32.mul(row, p.xRowStride)));
        const y = f.i32(i32.add(i32.add(p.y, i32.mul(head, p.yHeadStride)), i32.mul(row, p.yRowStride)));
        const cosines = f.i32(i32.add(p.table, i32.mul(i32.mul(row, p.pairs), 8)));
        rotate(f, x, y, cosines, p.pairs);
        f.for(at, { from: i32.shl(p.pairs, 3), below: i32.shl(p.headWidth, 2), step: 16 }, () =>
          f.emit(v128.store(i32.add(y, at), v128.load(i32.add(x, at)))),
        );
      });
    });
  });
}

/** Rotary kernels. */
export const rotaryFamily: KernelFamily = {
  signatures: [rotaryTable, rotaryHalf, rotaryAdjacent],
  emit: (module) => {
    emitTable(module);
    emitRotation(module, rotaryHalf, rotateHalf);
    emitRotation(module, rotaryAdjacent, rotateAdjacent);
  },
};
