import { ModuleBuilder } from "../../src/backend/wasm/emit/module-builder.ts";
import { i32 } from "../../src/backend/wasm/emit/scalar.ts";
import { f32x4, i16x8, i32x4, v128 } from "../../src/backend/wasm/emit/simd.ts";
import { addPairs, pairOnes } from "../../src/backend/wasm/kernels/int8-dot.ts";

const REGISTERS = 12;
/** Operations of one round of `peakDot` and `peakMadd`. */
export const DOT_OPERATIONS = REGISTERS * 32;
export const MADD_OPERATIONS = REGISTERS * 8;
/** k-steps whose products are added in 16 bits before they are widened. */
export const PAIR_DEPTHS = [1, 2, 4, 8] as const;
const PAIR_CHAINS = 4;
/** Operations of one round of `peakPairs…`, eight k-steps each. */
export const PAIR_OPERATIONS = PAIR_CHAINS * 8 * 32;
/** A kernel of `peakModule`. */
export type PeakName = (typeof PEAK_NAMES)[number];
export const PEAK_NAMES = [
  "peakDot",
  "peakMadd",
  ...PAIR_DEPTHS.map((depth) => `peakPairs${depth}` as const),
  "readStream",
] as const;

/**
 * What the machine gives at most: `peakDot` and `peakMadd` (rounds, to), operands in registers; `peakPairs…` (rounds, to), one operand
 * broadcast from the first-level cache; `readStream` (at, bytes, to) reads four quarters at once. `to`: 192 bytes of the thread.
 */
export function peakModule(): Uint8Array<ArrayBuffer> {
  const module = new ModuleBuilder({ shared: true, initialPages: 1, maximumPages: 65536 });
  for (const name of ["peakDot", "peakMadd"] as const) {
    module.function(["i32", "i32"], { name }, (f) => {
      const sums = f.vectors(REGISTERS);
      const [a, b] = [f.v128(v128.load(0)), f.v128(v128.load(16))];
      const i = f.i32();
      f.for(i, { from: 0, below: f.parameter(0, "i32") }, () => {
        for (const sum of sums) {
          f.set(sum, name === "peakDot" ? i32x4.relaxedDotI8x16I7x16AddS(a, b, sum) : f32x4.relaxedMadd(a, b, sum));
        }
      });
      for (const [r, sum] of sums.entries()) f.emit(v128.store(f.parameter(1, "i32"), sum, r * 16));
    });
  }
  for (const depth of PAIR_DEPTHS) emitPairPeak(module, depth);
  module.function(["i32", "i32", "i32"], { name: "readStream" }, (f) => {
    const [at, bytes, to] = [0, 1, 2].map((index) => f.parameter(index, "i32"));
    const quarter = f.i32(i32.and(i32.shrU(bytes, 2), -64));
    const sums = f.vectors(8);
    const pointers = [0, 1, 2, 3].map((part) => f.i32(i32.add(at, i32.mul(quarter, part))));
    const end = f.i32(i32.add(at, quarter));
    f.while(i32.ltU(pointers[0], end), () => {
      for (const [p, pointer] of pointers.entries()) {
        for (let line = 0; line < 4; line++) {
          const sum = sums[p * 2 + (line & 1)];
          f.set(sum, v128.xor(sum, v128.load(pointer, line * 16)));
        }
        f.advance(pointer, 64);
      }
    });
    for (const [r, sum] of sums.entries()) f.emit(v128.store(to, sum, r * 16));
  });
  return module.encode();
}

/** Four sums over eight k-steps a round; one operand differs from step to step, or products would be computed once. */
function emitPairPeak(module: ModuleBuilder, depth: number): void {
  module.function(["i32", "i32"], { name: `peakPairs${depth}` }, (f) => {
    const [sums, pairs] = [f.vectors(PAIR_CHAINS), f.vectors(PAIR_CHAINS)];
    const [i, value] = [f.i32(), f.v128()];
    const to = f.parameter(1, "i32");
    const bytes = pairs.map((_, c) => f.v128(v128.load(to, 32 + c * 16)));
    f.for(i, { from: 0, below: f.parameter(0, "i32") }, () => {
      for (let step = 0; step < 8; step++) {
        f.set(value, v128.load32Splat(to, step * 4));
        for (const [c, pair] of pairs.entries()) {
          const products = i16x8.relaxedDotI8x16I7x16S(value, bytes[c]);
          f.set(pair, step % depth === 0 ? products : i16x8.add(pair, products));
          if (step % depth === depth - 1) addPairs(f, sums[c], pair, pairOnes(f));
        }
      }
    });
    for (const [c, sum] of sums.entries()) f.emit(v128.store(to, sum, 32 + c * 16));
  });
}
