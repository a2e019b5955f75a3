// Activations to 8 bit. Layout: records [ceil(M/4)][K/B], one record = 4 rows × B values of K:
//   q [B/4][4 rows][4] bytes · scale f32[4 rows] · then per kind
//   i8x256: sums of 32 as i16 [4][4 rows][2], pairs (0,2) (1,3) (4,6) (5,7); sums of 16 as i16 [8][4 rows][2], same pairing
//   i8x32:  sum of the block, i32[4 rows]
//   u7x32, u7x128: zero point, i32[4 rows]
// x ≈ scale·(q − zero). A block whose largest magnitude is below 1e-20 becomes zeros with scale 0: no denormal reaches a
// float unit. Rounding is to nearest even by plain multiplication, the same bits in every variant. Rows past M in the
// last record are not written.
import type { I32, Local, V128 } from "../emit/expression.ts";
import type { FunctionBuilder } from "../emit/function-builder.ts";
import type { ModuleBuilder } from "../emit/module-builder.ts";
import { i32 } from "../emit/scalar.ts";
import { f32x4, i8x16, i16x8, i32x4, v128 } from "../emit/simd.ts";
import type { KernelFamily } from "./kernel.ts";
import { defineKernel, kernelSignature } from "./kernel.ts";
import { reduceLanes, roundToInteger } from "./math.ts";

/** How activations are quantised: value kind and block length along K. */
export type ActivationKind = "i8x256" | "i8x32" | "u7x32" | "u7x128";

/** Shape of a record. */
export interface ActivationRecord {
  /** Values of K in a block. */
  readonly block: number;
  readonly bytes: number;
  /** Offset of the four scales; what the kind adds comes right after. */
  readonly scales: number;
}

const FLUSH_BELOW = 1e-20;
const QUAD_BYTES = 16; // 4 rows × 4 bytes

function record(block: number, extra: number): ActivationRecord {
  return { block, scales: block * 4, bytes: block * 4 + QUAD_BYTES + extra };
}

/** Record shape of each kind. */
export const ACTIVATION_RECORDS: Readonly<Record<ActivationKind, ActivationRecord>> = {
  i8x256: record(256, 4 * QUAD_BYTES + 8 * QUAD_BYTES),
  i8x32: record(32, QUAD_BYTES),
  u7x32: record(32, QUAD_BYTES),
  u7x128: record(128, QUAD_BYTES),
};

/** Offset in an i8x256 record of the sums of 32 and of 16. */
export const SUMS_32 = 256 * 4 + QUAD_BYTES;
export const SUMS_16 = SUMS_32 + 4 * QUAD_BYTES;

/** Bytes of the quantised form of [rows, k]; K is padded to whole blocks. */
export function activationBytes(kind: ActivationKind, rows: number, k: number): number {
  const { block, bytes } = ACTIVATION_RECORDS[kind];
  return Math.ceil(rows / 4) * Math.ceil(k / block) * bytes;
}

/** x f32 rows, stride in bytes; k any: values past it count as 0. A thread takes rows [rowBegin, rowEnd). */
const signatureOf = (kind: ActivationKind) =>
  kernelSignature(`quantise${kind.toUpperCase().replace("X", "x")}`, ["x", "xStride", "y", "rowBegin", "rowEnd", "k"]);

interface Block {
  /** Values 16·group … 16·group + 15 of the block; those past k are 0. */
  readonly load: (group: I32) => readonly Local<"v128">[];
  /** Address of row r of the record. */
  readonly to: I32;
  readonly shape: ActivationRecord;
}

const GROUP = 16;

function emitQuantiser(module: ModuleBuilder, kind: ActivationKind): void {
  const shape = ACTIVATION_RECORDS[kind];
  defineKernel(module, signatureOf(kind), (f, p) => {
    const [row, first] = [f.i32(), f.i32()];
    const blocks = f.i32(i32.divU(i32.add(p.k, shape.block - 1), shape.block));
    f.for(row, { from: p.rowBegin, below: p.rowEnd }, () => {
      const x = f.i32(i32.add(p.x, i32.mul(row, p.xStride)));
      const records = i32.mul(i32.mul(i32.shrU(row, 2), blocks), shape.bytes);
      const to = f.i32(i32.add(i32.add(p.y, records), i32.shl(i32.and(row, 3), 2)));
      f.for(first, { from: 0, below: p.k, step: shape.block }, () => {
        const load = (group: I32): readonly Local<"v128">[] => loadGroup(f, x, i32.add(first, i32.shl(group, 4)), p.k);
        const block = { load, to, shape };
        if (kind === "i8x256" || kind === "i8x32") quantiseSigned(f, block, kind);
        else quantiseUnsigned(f, block);
        f.advance(to, shape.bytes);
      });
    });
  });
}

function loadGroup(f: FunctionBuilder, x: I32, index: I32, k: I32): readonly Local<"v128">[] {
  const values = f.vectors(GROUP / 4);
  const at = f.i32(index);
  const address = f.i32(i32.add(x, i32.shl(at, 2)));
  f.if(
    i32.leS(i32.add(at, GROUP), k),
    () => {
      for (const [i, value] of values.entries()) f.set(value, v128.load(address, i * 16));
    },
    () => {
      for (const [i, value] of values.entries()) {
        f.set(value, f32x4.all(0));
        for (let lane = 0; lane < 4; lane++) {
          const mask = [0, 0, 0, 0];
          mask[lane] = -1;
          f.if(i32.ltS(i32.add(at, i * 4 + lane), k), () =>
            f.set(value, v128.or(value, v128.and(v128.load32Splat(address, i * 16 + lane * 4), i32x4.const(mask)))),
          );
        }
      }
    },
  );
  return values;
}

function forGroups(f: FunctionBuilder, shape: ActivationRecord, body: (group: Local<"i32">) => void): void {
  const group = f.i32();
  f.for(group, { from: 0, below: shape.block / GROUP }, () => body(group));
}

/** `value` where the magnitude is at least FLUSH_BELOW, else 0. */
function unlessTiny(magnitude: Local<"v128">, value: V128): V128 {
  return v128.and(value, f32x4.ge(magnitude, f32x4.all(FLUSH_BELOW)));
}

/** Rounds value·factor + zero to 16 bytes: four k-steps of the row. Narrowing saturates, so bytes stay in range. */
function roundToBytes(
  f: FunctionBuilder,
  values: readonly Local<"v128">[],
  factor: Local<"v128">,
  zero: Local<"v128"> | undefined,
): Local<"v128"> {
  const rounded = values.map((value) => {
    const q = roundToInteger(f, f32x4.mul(value, factor));
    return f.v128(zero === undefined ? q : i32x4.add(q, zero));
  });
  const [a, b, c, d] = rounded;
  return f.v128(i8x16.narrowI16x8S(i16x8.narrowI32x4S(a, b), i16x8.narrowI32x4S(c, d)));
}

function storeSteps(f: FunctionBuilder, to: I32, group: I32, bytes: Local<"v128">): void {
  const at = f.i32(i32.add(to, i32.shl(group, 6)));
  for (let step = 0; step < 4; step++) f.emit(v128.store32Lane(at, bytes, step, step * QUAD_BYTES));
}

function quantiseSigned(f: FunctionBuilder, { load, to, shape }: Block, kind: "i8x256" | "i8x32"): void {
  const magnitude = f.v128(f32x4.all(0));
  forGroups(f, shape, (group) => {
    const [a, b, c, d] = load(group).map((value) => f32x4.abs(value));
    f.set(magnitude, f32x4.max(magnitude, f32x4.max(f32x4.max(a, b), f32x4.max(c, d))));
  });
  reduceLanes(f, magnitude, f32x4.max);
  const inverse = f.v128(unlessTiny(magnitude, f32x4.div(f32x4.all(127), magnitude)));
  f.emit(v128.store32Lane(to, unlessTiny(magnitude, f32x4.mul(magnitude, f32x4.all(1 / 127))), 0, shape.scales));
  const total = f.v128(i32x4.splat(0));
  forGroups(f, shape, (group) => {
    const bytes = roundToBytes(f, load(group), inverse, undefined);
    storeSteps(f, to, group, bytes);
    const sum = f.v128(i32x4.extaddPairwiseI16x8S(i16x8.extaddPairwiseI8x16S(bytes)));
    if (kind === "i8x32") f.set(total, i32x4.add(total, sum));
    else {
      reduceLanes(f, sum, i32x4.add);
      f.emit(v128.store16Lane(sumAddress(to, group), sum, 0, SUMS_16));
    }
  });
  if (kind === "i8x256") {
    addPairs(f, to);
    return;
  }
  reduceLanes(f, total, i32x4.add);
  f.emit(v128.store32Lane(to, total, 0, shape.scales + QUAD_BYTES));
}

/** Address of sum s in the paired layout: pair 2·(s div 4) + (s mod 2), element (s mod 4) div 2. */
function sumAddress(to: I32, s: I32): I32 {
  const pair = i32.add(i32.shl(i32.shrU(s, 2), 1), i32.and(s, 1));
  return i32.add(i32.add(to, i32.shl(pair, 4)), i32.and(s, 2));
}

/** Sums of 32 from sums of 16. */
function addPairs(f: FunctionBuilder, to: I32): void {
  const s = f.i32();
  f.for(s, { from: 0, below: 8 }, () => {
    const first = i32.load16S(sumAddress(to, i32.shl(s, 1)), SUMS_16);
    const second = i32.load16S(sumAddress(to, i32.add(i32.shl(s, 1), 1)), SUMS_16);
    f.emit(i32.store16(sumAddress(to, s), i32.add(first, second), SUMS_32));
  });
}

function quantiseUnsigned(f: FunctionBuilder, { load, to, shape }: Block): void {
  // the range always holds 0, so that a zero activation stays exactly zero
  const [low, high] = [f.v128(f32x4.all(0)), f.v128(f32x4.all(0))];
  forGroups(f, shape, (group) => {
    const [a, b, c, d] = load(group);
    f.set(low, f32x4.min(low, f32x4.min(f32x4.min(a, b), f32x4.min(c, d))));
    f.set(high, f32x4.max(high, f32x4.max(f32x4.max(a, b), f32x4.max(c, d))));
  });
  reduceLanes(f, low, f32x4.min);
  reduceLanes(f, high, f32x4.max);
  const range = f.v128(f32x4.sub(high, low));
  const inverse = f.v128(unlessTiny(range, f32x4.div(f32x4.all(127), range)));
  const zero = f.v128(roundToInteger(f, f32x4.neg(f32x4.mul(low, inverse))));
  f.emit(
    v128.store32Lane(to, unlessTiny(range, f32x4.mul(range, f32x4.all(1 / 127))), 0, shape.scales),
    v128.store32Lane(to, zero, 0, shape.scales + QUAD_BYTES),
  );
  forGroups(f, shape, (group) => {
    const bytes = roundToBytes(f, load(group), inverse, zero);
    // two roundings can reach −1: the seven-bit side must not
    f.set(bytes, i8x16.maxS(bytes, i32x4.splat(0)));
    storeSteps(f, to, group, bytes);
  });
}

const KINDS: readonly ActivationKind[] = ["i8x256", "i8x32", "u7x32", "u7x128"];

/** Activation quantisers. */
export const quantiseFamily: KernelFamily = {
  signatures: KINDS.map(signatureOf),
  emit: (module) => {
    for (const kind of KINDS) emitQuantiser(module, kind);
  },
};
