// Kernels that move rows: strided copies, gathers, splices, means, cache appends. Ids out of range are the caller's to
// reject: a kernel only adds addresses.

import type { I32, Local } from "../emit/expression.ts";
import { constI32 } from "../emit/expression.ts";
import type { FunctionBuilder } from "../emit/function-builder.ts";
import type { ModuleBuilder } from "../emit/module-builder.ts";
import { f32, i32, memory } from "../emit/scalar.ts";
import { f32x4, i32x4, v128 } from "../emit/simd.ts";
import { forElements } from "./elementwise.ts";
import { narrowF16, packHalves, widenF16 } from "./float16.ts";
import type { KernelFamily } from "./kernel.ts";
import { defineKernel, kernelSignature } from "./kernel.ts";

/** to[i][j] = from[i][j], runs of `bytes` bytes, i in [begin, end), j in [0, count): split and merge heads and columns. */
const copyStrided = kernelSignature("copyStrided", [
  "from",
  "fromStride",
  "fromInner",
  "to",
  "toStride",
  "toInner",
  "begin",
  "end",
  "count",
  "bytes",
]);
const GATHER_ARGUMENTS = ["table", "ids", "y", "yStride", "begin", "end", "n"] as const;
/** y[i] = table[ids[i]], rows of n elements, widened to f32. */
const gatherF32 = kernelSignature("gatherRowsF32", GATHER_ARGUMENTS);
const gatherF16 = kernelSignature("gatherRowsF16", GATHER_ARGUMENTS);
const gatherBf16 = kernelSignature("gatherRowsBF16", GATHER_ARGUMENTS);
/** y[at[i]] = rows[i]. */
const spliceRows = kernelSignature("spliceRows", ["rows", "rowsStride", "at", "y", "yStride", "begin", "end", "bytes"]);
/** y[i] = mean of x[i·count … i·count + count − 1], contiguous rows of n. */
const meanRows = kernelSignature("meanRows", ["x", "y", "begin", "end", "count", "n"]);
/** y[i] (i32) = lowest index of the largest value of row i. */
const argmaxRows = kernelSignature("argmaxRows", ["x", "xStride", "y", "rowBegin", "rowEnd", "n"]);
const APPEND_ARGUMENTS = [
  "rows",
  "rowsHeadStride",
  "rowsRowStride",
  "cache",
  "slotStride",
  "headStride",
  "slots",
  "rowBegin",
  "rowEnd",
  "groupBegin",
  "groupEnd",
  "headWidth",
] as const;
/** cache[slots[t]][g] = rows[g][t]; f32 to f16 (nearest even, saturating); strides in bytes, headWidth a multiple of 4. */
const appendF16 = kernelSignature("appendF16", APPEND_ARGUMENTS);
const appendF32 = kernelSignature("appendF32", APPEND_ARGUMENTS);

function emitCopies(module: ModuleBuilder): void {
  defineKernel(module, copyStrided, (f, p) => {
    const [i, j] = [f.i32(), f.i32()];
    f.for(i, { from: p.begin, below: p.end }, () => {
      const from = f.i32(i32.add(p.from, i32.mul(i, p.fromStride)));
      const to = f.i32(i32.add(p.to, i32.mul(i, p.toStride)));
      f.for(j, { from: 0, below: p.count }, () => {
        f.emit(memory.copy(to, from, p.bytes));
        f.advance(from, p.fromInner);
        f.advance(to, p.toInner);
      });
    });
  });
  defineKernel(module, spliceRows, (f, p) => {
    const i = f.i32();
    f.for(i, { from: p.begin, below: p.end }, () => {
      const row = i32.load(i32.add(p.at, i32.shl(i, 2)));
      const from = i32.add(p.rows, i32.mul(i, p.rowsStride));
      f.emit(memory.copy(i32.add(p.y, i32.mul(row, p.yStride)), from, p.bytes));
    });
  });
}

function emitGathers(module: ModuleBuilder): void {
  defineKernel(module, gatherF32, (f, p) =>
    forGathered(f, p, 4, (from, to) => f.emit(memory.copy(to, from, i32.shl(p.n, 2)))),
  );
  for (const signature of [gatherF16, gatherBf16]) {
    defineKernel(module, signature, (f, p) =>
      forGathered(f, p, 2, (from, to) => {
        const at = f.i32();
        const widen = (halves: Local<"v128">): Local<"v128"> =>
          signature === gatherF16 ? widenF16(f, halves) : f.v128(i32x4.shl(halves, 16));
        f.for(at, { from: 0, below: i32.sub(p.n, 3), step: 4 }, () => {
          const halves = f.v128(v128.load16x4U(i32.add(from, i32.shl(at, 1))));
          f.emit(v128.store(i32.add(to, i32.shl(at, 2)), widen(halves)));
        });
        f.for(at, { from: i32.and(p.n, -4), below: p.n }, () => {
          const halves = f.v128(i32x4.splat(i32.load16U(i32.add(from, i32.shl(at, 1)))));
          f.emit(v128.store32Lane(i32.add(to, i32.shl(at, 2)), widen(halves), 0));
        });
      }),
    );
  }
}

type GatherParameters = Readonly<Record<(typeof GATHER_ARGUMENTS)[number], Local<"i32">>>;

function forGathered(
  f: FunctionBuilder,
  p: GatherParameters,
  elementBytes: number,
  body: (from: I32, to: I32) => void,
): void {
  const i = f.i32();
  const rowBytes = f.i32(i32.mul(p.n, elementBytes));
  f.for(i, { from: p.begin, below: p.end }, () => {
    const id = i32.load(i32.add(p.ids, i32.shl(i, 2)));
    body(f.i32(i32.add(p.table, i32.mul(id, rowBytes))), f.i32(i32.add(p.y, i32.mul(i, p.yStride))));
  });
}

function emitReductions(module: ModuleBuilder): void {
  defineKernel(module, meanRows, (f, p) => {
    const [i, j] = [f.i32(), f.i32()];
    const rowBytes = f.i32(i32.shl(p.n, 2));
    const share = f.v128(f32x4.div(f32x4.all(1), f32x4.splat(f32.convertI32(p.count))));
    f.for(i, { from: p.begin, below: p.end }, () => {
      const first = f.i32(i32.add(p.x, i32.mul(i32.mul(i, p.count), rowBytes)));
      const to = f.i32(i32.add(p.y, i32.mul(i, rowBytes)));
      forElements(f, constI32(0), p.n, (_at, load, store) => {
        const sum = f.v128(f32x4.all(0));
        const from = f.i32(first);
        f.for(j, { from: 0, below: p.count }, () => {
          f.set(sum, f32x4.add(sum, load(from)));
          f.advance(from, rowBytes);
        });
        store(to, f32x4.mul(sum, share));
      });
    });
  });
  defineKernel(module, argmaxRows, (f, p) => {
    const [row, column, best] = [f.i32(), f.i32(), f.i32()];
    const [top, value] = [f.f32(), f.f32()];
    f.for(row, { from: p.rowBegin, below: p.rowEnd }, () => {
      const x = f.i32(i32.add(p.x, i32.mul(row, p.xStride)));
      f.set(best, 0);
      f.set(top, f32.load(x));
      f.for(column, { from: 1, below: p.n }, () => {
        f.set(value, f32.load(i32.add(x, i32.shl(column, 2))));
        f.if(f32.gt(value, top), () => {
          f.set(top, value);
          f.set(best, column);
        });
      });
      f.emit(i32.store(i32.add(p.y, i32.shl(row, 2)), best));
    });
  });
}

function emitAppends(module: ModuleBuilder): void {
  for (const signature of [appendF16, appendF32]) {
    defineKernel(module, signature, (f, p) => {
      const [row, group, at] = [f.i32(), f.i32(), f.i32()];
      f.for(row, { from: p.rowBegin, below: p.rowEnd }, () => {
        const slot = f.i32(i32.load(i32.add(p.slots, i32.shl(row, 2))));
        f.for(group, { from: p.groupBegin, below: p.groupEnd }, () => {
          const from = f.i32(i32.add(i32.add(p.rows, i32.mul(group, p.rowsHeadStride)), i32.mul(row, p.rowsRowStride)));
          const to = f.i32(i32.add(i32.add(p.cache, i32.mul(slot, p.slotStride)), i32.mul(group, p.headStride)));
          f.for(at, { from: 0, below: p.headWidth, step: 4 }, () => {
            const value = v128.load(i32.add(from, i32.shl(at, 2)));
            if (signature === appendF32) f.emit(v128.store(i32.add(to, i32.shl(at, 2)), value));
            else f.emit(v128.store64Lane(i32.add(to, i32.shl(at, 1)), packHalves(narrowF16(f, value)), 0));
          });
        });
      });
    });
  }
}

/** Row movers. */
export const moveFamily: KernelFamily = {
  signatures: [copyStrided, spliceRows, gatherF32, gatherF16, gatherBf16, meanRows, argmaxRows, appendF16, appendF32],
  emit: (module) => {
    emitCopies(module);
    emitGathers(module);
    emitReductions(module);
    emitAppends(module);
  },
};
