// The gated delta net of version 4.6: depthwise causal convolution with history, and the delta rule step by step.
//   S ← e^g S; δ = β (v − Sᵀk); S ← S + k δᵀ; y = Sᵀq        state S [C][N] f32 per sequence and head
// One pass over S per step does decay, Sᵀk; a second the update and Sᵀq. A head's state (64 KB) stays in the second-level
// cache over all its rows, so heads are the outer loop and the unit of work of a thread.

import type { I32, Local } from "../emit/expression.ts";
import { constI32 } from "../emit/expression.ts";
import type { FunctionBuilder } from "../emit/function-builder.ts";
import type { ModuleBuilder } from "../emit/module-builder.ts";
import { i32 } from "../emit/scalar.ts";
import { f32x4, v128 } from "../emit/simd.ts";
import { forElements } from "./elementwise.ts";
import type { KernelFamily, KernelVariant } from "./kernel.ts";
import { defineKernel, kernelSignature, multiplyAdd } from "./kernel.ts";
import { vectorMath } from "./math.ts";

/**
 * y[t, x] = Σ_j w[x, j]·input[t − J + 1 + j, x]; x, y f32 rows by byte strides, weight transposed to f32[J][channels],
 * history f32[sequence][J − 1][channels] (oldest first), updated in place. sequence i32[rows]; taps J ≥ 2. Threads take
 * channels [begin, end) and all rows.
 */
const causalConv = kernelSignature("causalConv", [
  "x",
  "xStride",
  "weight",
  "history",
  "sequence",
  "y",
  "yStride",
  "rows",
  "begin",
  "end",
  "channels",
  "taps",
]);

/** Arguments of both forms of the delta rule. */
export const DELTA_ARGUMENTS = [
  "q",
  "k",
  "keyHeadStride",
  "keyRowStride",
  "v",
  "vHeadStride",
  "vRowStride",
  "y",
  "yHeadStride",
  "yRowStride",
  "decay",
  "beta",
  "state",
  "sequence",
  "rows",
  "headBegin",
  "headEnd",
  "heads",
  "keyWidth",
  "valueWidth",
] as const;

/**
 * q, k, y [H, T, …] by byte strides of head and row (one pair for q and k, one for v and y); decay, beta f32[T][H];
 * state f32[sequence][H][C][N], updated in place; sequence i32[T]. C, N multiples of 8. Threads take heads. v and y may
 * be the same memory.
 */
const deltaNet = kernelSignature("deltaNet", DELTA_ARGUMENTS);

function emitConv(module: ModuleBuilder, variant: KernelVariant): void {
  const madd = multiplyAdd(variant);
  defineKernel(module, causalConv, (f, p) => {
    const [row, tap] = [f.i32(), f.i32()];
    const rowBytes = f.i32(i32.shl(p.channels, 2));
    const past = f.i32(i32.sub(p.taps, 1));
    f.for(row, { from: 0, below: p.rows }, () => {
      const sequence = i32.load(i32.add(p.sequence, i32.shl(row, 2)));
      const history = f.i32(i32.add(p.history, i32.mul(i32.mul(sequence, past), rowBytes)));
      const x = f.i32(i32.add(p.x, i32.mul(row, p.xStride)));
      const y = f.i32(i32.add(p.y, i32.mul(row, p.yStride)));
      forElements(f, p.begin, p.end, (_at, load, store) => {
        const now = f.v128(load(x));
        const sum = f.v128(f32x4.all(0));
        const [weight, from, next] = [f.i32(p.weight), f.i32(history), f.v128()];
        f.for(tap, { from: 0, below: past }, () => {
          f.set(sum, madd(load(weight), load(from), sum));
          f.if(
            i32.ltS(i32.add(tap, 1), past),
            () => f.set(next, load(f.i32(i32.add(from, rowBytes)))),
            () => f.set(next, now),
          );
          store(from, next);
          f.advance(weight, rowBytes);
          f.advance(from, rowBytes);
        });
        store(y, madd(load(weight), now, sum));
      });
    });
  });
}

const LANES = 8; // columns of the state per inner round: two vectors

function emitDelta(module: ModuleBuilder, variant: KernelVariant): void {
  const math = vectorMath(variant);
  defineKernel(module, deltaNet, (f, p) => {
    const [head, row] = [f.i32(), f.i32()];
    const valueBytes = f.i32(i32.shl(p.valueWidth, 2));
    const keyBytes = f.i32(i32.shl(p.keyWidth, 2));
    const stateBytes = f.i32(i32.mul(p.keyWidth, valueBytes));
    const place = (base: I32, headStride: I32, rowStride: I32): Local<"i32"> =>
      f.i32(i32.add(i32.add(base, i32.mul(head, headStride)), i32.mul(row, rowStride)));
    f.for(head, { from: p.headBegin, below: p.headEnd }, () => {
      f.for(row, { from: 0, below: p.rows }, () => {
        const sequence = i32.load(i32.add(p.sequence, i32.shl(row, 2)));
        const state = f.i32(i32.add(p.state, i32.mul(i32.add(i32.mul(sequence, p.heads), head), stateBytes)));
        const gate = f.i32(i32.shl(i32.add(i32.mul(row, p.heads), head), 2));
        const keep = math.exp(f, v128.load32Splat(i32.add(p.decay, gate)));
        const step = {
          state,
          keep,
          rate: f.v128(v128.load32Splat(i32.add(p.beta, gate))),
          q: place(p.q, p.keyHeadStride, p.keyRowStride),
          k: place(p.k, p.keyHeadStride, p.keyRowStride),
          v: place(p.v, p.vHeadStride, p.vRowStride),
          y: place(p.y, p.yHeadStride, p.yRowStride),
          keyBytes,
          valueBytes,
        };
        emitStep(f, variant, step);
      });
    });
  });
}

interface DeltaStep {
  readonly state: I32;
  readonly keep: Local<"v128">;
  readonly rate: Local<"v128">;
  readonly q: I32;
  readonly k: I32;
  readonly v: I32;
  readonly y: I32;
  readonly keyBytes: I32;
  readonly valueBytes: I32;
}

function emitStep(f: FunctionBuilder, variant: KernelVariant, s: DeltaStep): void {
  const madd = multiplyAdd(variant);
  const column = f.i32();
  f.for(column, { from: 0, below: s.valueBytes, step: LANES * 4 }, () => {
    const [known, delta] = [f.vectors(2), f.vectors(2)];
    for (const vector of known) f.set(vector, f32x4.all(0));
    // decay and Sᵀk
    forState(f, s, column, (cell, c) => {
      const key = f.v128(v128.load32Splat(i32.add(s.k, c)));
      for (const [i, vector] of known.entries()) {
        const value = f.v128(f32x4.mul(v128.load(cell, i * 16), s.keep));
        f.emit(v128.store(cell, value, i * 16));
        f.set(vector, madd(value, key, vector));
      }
    });
    const value = f.i32(i32.add(s.v, column));
    for (const [i, vector] of delta.entries()) {
      f.set(vector, f32x4.mul(s.rate, f32x4.sub(v128.load(value, i * 16), known[i])));
      f.set(known[i], f32x4.all(0));
    }
    // update and Sᵀq
    forState(f, s, column, (cell, c) => {
      const key = f.v128(v128.load32Splat(i32.add(s.k, c)));
      const query = f.v128(v128.load32Splat(i32.add(s.q, c)));
      for (const [i, vector] of known.entries()) {
        const updated = f.v128(madd(key, delta[i], v128.load(cell, i * 16)));
        f.emit(v128.store(cell, updated, i * 16));
        f.set(vector, madd(updated, query, vector));
      }
    });
    const output = f.i32(i32.add(s.y, column));
    for (const [i, vector] of known.entries()) f.emit(v128.store(output, vector, i * 16));
  });
}

function forState(f: FunctionBuilder, s: DeltaStep, column: I32, body: (cell: I32, c: I32) => void): void {
  const cell = f.i32(i32.add(s.state, column));
  const c = f.i32(constI32(0));
  f.while(i32.ltU(c, s.keyBytes), () => {
    body(cell, c);
    f.advance(cell, s.valueBytes);
    f.advance(c, 4);
  });
}

/** Convolution and delta rule. */
export const recurrentFamily: KernelFamily = {
  signatures: [causalConv, deltaNet],
  emit: (module, variant) => {
    emitConv(module, variant);
    emitDelta(module, variant);
  },
};
