// K-quant super-blocks of 256 (Q4_K, Q5_K, Q6_K) as panels: how a block is cut into runs of equal instructions, how its
// scales are found, and the two uses: unpacking eight columns for the matrix core, and the matrix-vector walk.
import type { I32, Local, V128 } from "../emit/expression.ts";
import type { FunctionBuilder } from "../emit/function-builder.ts";
import { i32 } from "../emit/scalar.ts";
import { f32x4, i8x16, i16x8, i32x4, v128 } from "../emit/simd.ts";
import { widenF16 } from "./float16.ts";
import type { DotAdd, Unsigned } from "./int8-dot.ts";
import { addPairs, pairDepth } from "./int8-dot.ts";
import { SUMS_16, SUMS_32 } from "./quantise-activations.ts";
import { UNPACKED } from "./tile-int8.ts";

/** A loop whose rounds load the next 16 bytes, Q6_K 48; every output vector is 4 columns × 4 values of K. */
interface Run {
  readonly rounds: number;
  /** Bytes from one round to the next. */
  readonly stride: number;
  /** Sub-block of each output, and its first k-step of four. */
  readonly subBlocks: readonly number[];
  readonly firstSteps: readonly number[];
  /** Outputs at `at` + `offset` = panel block + stride·round, as values 0…127. */
  values(f: FunctionBuilder, at: I32, offset: number): readonly V128[];
}

/** A K-quant format. Offsets are those of a panel block: four times the file's. */
export interface SuperBlockFormat {
  readonly subBlockCount: 8 | 16;
  /** Largest weight. */
  readonly largest: Unsigned;
  readonly runs: readonly Run[];
  /** Offset of the paired sums in the activation record. */
  readonly sums: number;
  /** Signed byte scales, four sub-blocks in each lane. */
  scales(f: FunctionBuilder, block: I32): readonly Local<"v128">[];
  /** The same for the factors of the activation sums. */
  mins(f: FunctionBuilder, block: I32): readonly Local<"v128">[];
  d(f: FunctionBuilder, block: I32): V128;
  dmin(f: FunctionBuilder, block: I32): V128;
}

const bytesOf = (f: FunctionBuilder, value: number): V128 =>
  f.hoist(i8x16.const(Array.from({ length: 16 }, () => value)));
const lowNibbles = (f: FunctionBuilder, v: V128): V128 => v128.and(v, bytesOf(f, 15));
/** Shifts bytes by shifting half-words: the mask removes what crosses. */
const highNibbles = (f: FunctionBuilder, v: V128): V128 => v128.and(i16x8.shrU(v, 4), bytesOf(f, 15));

/** 6-bit scales and mins of Q4_K and Q5_K: 12 bytes a row at offset 16. */
function sixBitFields(f: FunctionBuilder, block: I32, which: "scales" | "mins"): readonly Local<"v128">[] {
  const first = f.v128(v128.load(block, which === "scales" ? 16 : 32));
  const last = v128.load(block, 48);
  const low = which === "scales" ? lowNibbles(f, last) : highNibbles(f, last);
  const top = v128.and(i16x8.shrU(first, 2), bytesOf(f, 0x30));
  return [f.v128(v128.and(first, bytesOf(f, 63))), f.v128(v128.or(low, top))];
}

const GROUPS = [0, 1, 2, 3];

const shared45 = {
  subBlockCount: 8,
  sums: SUMS_32,
  scales: (f: FunctionBuilder, block: I32) => sixBitFields(f, block, "scales"),
  mins: (f: FunctionBuilder, block: I32) => sixBitFields(f, block, "mins"),
  d: (f: FunctionBuilder, block: I32) => widenF16(f, v128.load16x4U(block)),
  dmin: (f: FunctionBuilder, block: I32) => widenF16(f, v128.load16x4U(block, 8)),
} as const;

function groupRun(t: number, values: Run["values"]): Run {
  return { rounds: 8, stride: 16, subBlocks: [2 * t, 2 * t + 1], firstSteps: [16 * t, 16 * t + 8], values };
}

/** Q4_K: low nibbles of 32 bytes are sub-block 2t, high nibbles 2t + 1. */
export const q4K: SuperBlockFormat = {
  ...shared45,
  largest: 15,
  runs: GROUPS.map((t) =>
    groupRun(t, (f, at, offset) => {
      const packed = f.v128(v128.load(at, offset + 64 + t * 128));
      return [lowNibbles(f, packed), highNibbles(f, packed)];
    }),
  ),
};

function shiftedBit(f: FunctionBuilder, v: V128, from: number): V128 {
  const moved = from < 4 ? i16x8.shl(v, 4 - from) : i16x8.shrU(v, from - 4);
  return v128.and(moved, bytesOf(f, 0x10));
}

/** Q5_K: Q4_K plus bits 2t and 2t + 1 of qh. */
export const q5K: SuperBlockFormat = {
  ...shared45,
  largest: 31,
  runs: GROUPS.map((t) =>
    groupRun(t, (f, at, offset) => {
      const packed = f.v128(v128.load(at, offset + 192 + t * 128));
      const high = f.v128(v128.load(at, offset + 64));
      return [
        v128.or(lowNibbles(f, packed), shiftedBit(f, high, 2 * t)),
        v128.or(highNibbles(f, packed), shiftedBit(f, high, 2 * t + 1)),
      ];
    }),
  ),
};

/** Q6_K: scales i8 [4 of 16][4 rows][4] and d f16[4], then rounds of three planes. */
const SIX_BIT_HEADER = 72;
const SIX_BIT_ROUND = 48;

function sixBitRun(half: number, quarter: number): Run {
  const first = SIX_BIT_HEADER + (half * 2 + quarter) * 4 * SIX_BIT_ROUND;
  return {
    rounds: 4,
    stride: SIX_BIT_ROUND,
    subBlocks: [0, 2, 4, 6].map((s) => half * 8 + quarter + s),
    firstSteps: [0, 8, 16, 24].map((s) => half * 32 + quarter * 4 + s),
    values: (f, at, offset) => {
      const planes = [0, 1, 2].map((plane) => f.v128(v128.load(at, offset + first + plane * 16)));
      const [high, middle, low] = planes.map((plane, i) =>
        v128.and(i16x8.shrU(plane, 2 + 2 * i), bytesOf(f, 0x30 >> (2 * i))),
      );
      return [...planes.map((plane) => v128.and(plane, bytesOf(f, 63))), v128.or(v128.or(high, middle), low)];
    },
  };
}

const signedScales = (f: FunctionBuilder, block: I32): readonly Local<"v128">[] =>
  GROUPS.map((j) => f.v128(v128.load(block, j * 16)));
const d6 = (f: FunctionBuilder, block: I32): Local<"v128"> => widenF16(f, v128.load16x4U(block, 64));

/** Q6_K: three planes (weight-panel.ts), values 0…63 with a zero point of 32, which acts as a min of 32·scale per sub-block of 16. */
export const q6K: SuperBlockFormat = {
  subBlockCount: 16,
  largest: 63,
  sums: SUMS_16,
  runs: [0, 1].flatMap((half) => [0, 1].map((quarter) => sixBitRun(half, quarter))),
  scales: signedScales,
  mins: signedScales,
  d: d6,
  dmin: (f, block) => f32x4.mul(d6(f, block), f32x4.all(32)),
};

/** Scale of a sub-block as i32 lanes. */
function scaleOf(vectors: readonly V128[], subBlock: number): V128 {
  const left = 24 - 8 * (subBlock & 3);
  return i32x4.shrS(i32x4.shl(vectors[subBlock >> 2], left), 24);
}

const SIGN_ONLY = 0x80;

/** Scale of a sub-block as pairs of i16, the same twice. */
function scalePairOf(f: FunctionBuilder, vectors: readonly V128[], subBlock: number): V128 {
  // the byte goes to the upper half of each i16 and is shifted down with its sign
  const lanes = Array.from({ length: 16 }, (_, i) => ((i & 1) === 0 ? SIGN_ONLY : (i & -4) + (subBlock & 3)));
  return i16x8.shrS(i8x16.swizzle(vectors[subBlock >> 2], f.hoist(i8x16.const(lanes))), 8);
}

/** Min pairs as i16: (0,2) and (1,3) of each four sub-blocks. */
function minPairs(vectors: readonly V128[]): V128[] {
  return vectors.flatMap((v) => [i16x8.shrS(i16x8.shl(v, 8), 8), i16x8.shrS(v, 8)]);
}

/** Where a block is unpacked to. */
export interface UnpackTarget {
  readonly block: I32;
  readonly scratch: I32;
  readonly half: 0 | 1;
  /** Scales as the pairs variant takes them. */
  readonly isPaired: boolean;
}

/** Writes columns [4·half, 4·half + 4) of the unpacked block at `scratch`. */
export function unpackSuperBlock(
  f: FunctionBuilder,
  format: SuperBlockFormat,
  { block, scratch, half, isPaired }: UnpackTarget,
): void {
  const [at, to, end] = [f.i32(), f.i32(), f.i32()];
  const offset = half * 16;
  for (const run of format.runs) {
    f.set(at, block);
    f.set(to, scratch);
    f.set(end, i32.add(block, run.rounds * run.stride));
    f.doWhile(
      () => {
        for (const [o, value] of run.values(f, at, 0).entries()) {
          f.emit(v128.store(to, value, run.firstSteps[o] * 32 + offset));
        }
        f.advance(at, run.stride);
        f.advance(to, 32);
      },
      () => i32.ltU(at, end),
    );
  }
  const scales = format.scales(f, block);
  for (let s = 0; s < format.subBlockCount; s++) {
    const scale = isPaired ? scalePairOf(f, scales, s) : scaleOf(scales, s);
    f.emit(v128.store(scratch, scale, UNPACKED.scales + s * 32 + offset));
  }
  for (const [i, pair] of minPairs(format.mins(f, block)).entries()) {
    f.emit(v128.store(scratch, pair, UNPACKED.mins + i * 32 + offset));
  }
  f.emit(
    v128.store(scratch, format.d(f, block), UNPACKED.d + offset),
    v128.store(scratch, format.dmin(f, block), UNPACKED.dmin + offset),
  );
}

const SCALE_OFFSET = 1024;

/** One block of the matrix-vector walk: sums[p] += contribution of panel p. `x`: the row's own words of the record. */
export function walkSuperBlock(
  f: FunctionBuilder,
  format: SuperBlockFormat,
  dot: DotAdd | "pairs",
  { panels, x, sums }: { readonly panels: readonly I32[]; readonly x: I32; readonly sums: readonly Local<"v128">[] },
): void {
  const totals = panels.map(() => f.v128(i32x4.splat(0)));
  const scales = panels.map((panel) => format.scales(f, panel));
  for (const run of format.runs) {
    if (dot === "pairs") {
      walkPairs(f, format, run, { panels, x, totals, scales });
      continue;
    }
    const accumulators = panels.map(() => run.subBlocks.map(() => f.v128(i32x4.splat(0))));
    walkRun(f, run, dot, { panels, x, accumulators });
    for (const [p, accumulator] of accumulators.entries()) {
      for (const [o, subBlock] of run.subBlocks.entries()) {
        f.set(totals[p], i32x4.add(totals[p], i32x4.mul(accumulator[o], scaleOf(scales[p], subBlock))));
      }
    }
  }
  const scale = f.v128(v128.load32Splat(x, SCALE_OFFSET / 4));
  for (const [p, panel] of panels.entries()) {
    const minimum = f.v128(i32x4.splat(0));
    for (const [i, pair] of minPairs(format.mins(f, panel)).entries()) {
      f.set(minimum, i32x4.add(minimum, i32x4.dotI16x8S(pair, v128.load32Splat(x, format.sums / 4 + i * 4))));
    }
    const main = f32x4.mul(f32x4.convertI32x4S(totals[p]), format.d(f, panel));
    const value = f32x4.sub(main, f32x4.mul(f32x4.convertI32x4S(minimum), format.dmin(f, panel)));
    f.set(sums[p], f32x4.add(sums[p], f32x4.mul(value, scale)));
  }
}

/** Rounds in one turn of the walk's inner loop: pointer arithmetic is a fifth of a single round. */
const WALK_UNROLL = 8;

interface WalkRun {
  readonly panels: readonly I32[];
  readonly x: I32;
  readonly accumulators: readonly (readonly Local<"v128">[])[];
}

function walkRun(f: FunctionBuilder, run: Run, dot: DotAdd, { panels, x, accumulators }: WalkRun): void {
  const pointers = panels.map((panel) => f.i32(panel));
  const xAt = f.i32(x);
  const end = f.i32(i32.add(x, run.rounds * 4));
  const values = run.firstSteps.map(() => f.v128());
  const unroll = Math.min(WALK_UNROLL, run.rounds);
  f.doWhile(
    () => {
      for (let u = 0; u < unroll; u++) {
        for (const [o, step] of run.firstSteps.entries()) f.set(values[o], v128.load32Splat(xAt, (step + u) * 4));
        for (const [p, pointer] of pointers.entries()) {
          for (const [o, weights] of run.values(f, pointer, u * run.stride).entries()) {
            dot(f, accumulators[p][o], values[o], weights);
          }
        }
      }
      for (const pointer of pointers) f.advance(pointer, unroll * run.stride);
      f.advance(xAt, unroll * 4);
    },
    () => i32.ltU(xAt, end),
  );
}

interface PairWalk {
  readonly panels: readonly I32[];
  readonly x: I32;
  readonly totals: readonly Local<"v128">[];
  readonly scales: readonly (readonly V128[])[];
}

/** A run with sums of 16 bits, written out: scales widen them. */
function walkPairs(
  f: FunctionBuilder,
  format: SuperBlockFormat,
  run: Run,
  { panels, x, totals, scales }: PairWalk,
): void {
  const depth = Math.min(run.rounds, pairDepth(format.largest));
  const values = run.firstSteps.map(() => f.v128());
  const pairs = panels.map(() => run.firstSteps.map(() => f.v128()));
  for (let begin = 0; begin < run.rounds; begin += depth) {
    for (let round = begin; round < begin + depth; round++) {
      for (const [o, step] of run.firstSteps.entries()) f.set(values[o], v128.load32Splat(x, (step + round) * 4));
      for (const [p, panel] of panels.entries()) {
        for (const [o, weights] of run.values(f, panel, round * run.stride).entries()) {
          const products = i16x8.relaxedDotI8x16I7x16S(values[o], weights);
          f.set(pairs[p][o], round === begin ? products : i16x8.add(pairs[p][o], products));
        }
      }
    }
    for (const [p, total] of totals.entries()) {
      for (const [o, subBlock] of run.subBlocks.entries()) {
        addPairs(f, total, pairs[p][o], scalePairOf(f, scales[p], subBlock));
      }
    }
  }
}
