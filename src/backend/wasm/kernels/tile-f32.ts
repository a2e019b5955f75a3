// The one f32 inner loop: a tile of up to 6 rows × 8 columns, y = x·W. Twelve accumulators, two vectors of W and one
// broadcast of x fill 15 of the 16 vector registers; the loop stays rolled (unrolled it spills and halves).
import type { I32, Local, V128 } from "../emit/expression.ts";
import type { FunctionBuilder } from "../emit/function-builder.ts";
import type { FunctionHandle, ModuleBuilder } from "../emit/module-builder.ts";
import { i32 } from "../emit/scalar.ts";
import { f32x4, v128 } from "../emit/simd.ts";
import type { KernelVariant } from "./kernel.ts";
import { multiplyAdd } from "./kernel.ts";

/** Rows of the widest tile and columns of every tile. */
export const TILE_ROWS = 6;
export const TILE_COLUMNS = 8;

/** Bits of a tile's flags. */
export const TILE_FLAG = {
  /** y += x·W instead of y = x·W. */
  accumulate: 1,
} as const;

/** Operands of a tile call. `x[r][k]` at x + r·xStride + 4k; eight columns of step k at w + k·wStride. */
export interface TileOperands {
  readonly x: I32;
  readonly xStride: I32;
  readonly w: I32;
  readonly wStride: I32;
  readonly k: I32;
  /** 0, or the address of 8 floats that are added. */
  readonly bias: I32;
  readonly y: I32;
  readonly yStride: I32;
  /** Columns stored: 1…8. */
  readonly columns: I32;
  readonly flags: I32;
}

/** Emits calls of the tile functions of one module. */
export interface F32Tiles {
  /** Runs the tile with `rows` (1…6) rows, chosen at run time. */
  call(f: FunctionBuilder, rows: I32, operands: TileOperands): void;
}

const PARAMETERS = ["x", "xStride", "w", "wStride", "k", "bias", "y", "yStride", "columns", "flags"] as const;

/** Adds the six tile functions to a module. */
export function emitF32Tiles(module: ModuleBuilder, variant: KernelVariant): F32Tiles {
  const handles: FunctionHandle[] = [];
  for (let rows = 1; rows <= TILE_ROWS; rows++) handles.push(emitTile(module, variant, rows));
  return {
    call: (f, rows, operands) => {
      const values = PARAMETERS.map((name) => operands[name]);
      f.block((done) => {
        for (const [index, handle] of handles.toReversed().entries()) {
          f.if(i32.eq(rows, TILE_ROWS - index), () => {
            f.emit(handle.call(...values));
            f.branch(done);
          });
        }
      });
    },
  };
}

function emitTile(module: ModuleBuilder, variant: KernelVariant, rows: number): FunctionHandle {
  return module.function(
    PARAMETERS.map(() => "i32"),
    {},
    (f) => {
      const [x, xStride, w, wStride, k, bias, y, yStride, columns, flags] = PARAMETERS.map((_, index) =>
        f.parameter(index, "i32"),
      );
      const low = f.vectors(rows);
      const high = f.vectors(rows);
      const inner = { x, xStride, w, wStride, k };
      emitInnerLoop(f, multiplyAdd(variant), inner, low, high);
      f.if(bias, () => {
        const biasLow = f.v128(v128.load(bias));
        const biasHigh = f.v128(v128.load(bias, 16));
        for (let row = 0; row < rows; row++) {
          f.set(low[row], f32x4.add(low[row], biasLow));
          f.set(high[row], f32x4.add(high[row], biasHigh));
        }
      });
      for (let row = 0; row < rows; row++) {
        f.if(
          i32.eq(columns, TILE_COLUMNS),
          () => storeFull(f, y, flags, low[row], high[row]),
          () => storePart(f, y, flags, columns, low[row], high[row]),
        );
        f.advance(y, yStride);
      }
    },
  );
}

type Inner = Readonly<Record<"x" | "xStride" | "w" | "wStride" | "k", Local<"i32">>>;

function emitInnerLoop(
  f: FunctionBuilder,
  madd: (a: V128, b: V128, c: V128) => V128,
  { x, xStride, w, wStride, k }: Inner,
  low: readonly Local<"v128">[],
  high: readonly Local<"v128">[],
): void {
  const rowPointers = low.map((_, row) => f.i32(i32.add(x, i32.mul(xStride, row))));
  const end = f.i32(i32.add(x, i32.mul(k, 4)));
  const [first] = rowPointers;
  const wLow = f.v128();
  const wHigh = f.v128();
  const value = f.v128();
  f.while(i32.ltU(first, end), () => {
    f.set(wLow, v128.load(w));
    f.set(wHigh, v128.load(w, 16));
    for (const [row, pointer] of rowPointers.entries()) {
      f.set(value, v128.load32Splat(pointer));
      f.set(low[row], madd(value, wLow, low[row]));
      f.set(high[row], madd(value, wHigh, high[row]));
      f.advance(pointer, 4);
    }
    f.advance(w, wStride);
  });
}

function storeFull(f: FunctionBuilder, y: I32, flags: I32, low: Local<"v128">, high: Local<"v128">): void {
  f.if(i32.and(flags, TILE_FLAG.accumulate), () => {
    f.set(low, f32x4.add(v128.load(y), low));
    f.set(high, f32x4.add(v128.load(y, 16), high));
  });
  f.emit(v128.store(y, low), v128.store(y, high, 16));
}

/** Stores 1…7 columns one by one: only the last panel of an odd width comes here. */
function storePart(
  f: FunctionBuilder,
  y: I32,
  flags: I32,
  columns: I32,
  low: Local<"v128">,
  high: Local<"v128">,
): void {
  for (let column = 0; column < TILE_COLUMNS - 1; column++) {
    const half = column < 4 ? low : high;
    f.if(i32.gtS(columns, column), () => {
      f.if(i32.and(flags, TILE_FLAG.accumulate), () => f.set(half, f32x4.add(half, laneAlone(y, column))));
      f.emit(v128.store32Lane(y, half, column % 4, column * 4));
    });
  }
}

/** The float at y[column] in its own lane, zero in the others. */
function laneAlone(y: I32, column: number): V128 {
  const mask = [0, 0, 0, 0];
  mask[column % 4] = -1;
  return v128.and(v128.load32Splat(y, column * 4), v128.const([...new Uint8Array(Int32Array.from(mask).buffer)]));
}
