import { ModuleBuilder } from "../../src/backend/wasm/emit/module-builder.ts";
import { i32 } from "../../src/backend/wasm/emit/scalar.ts";
import { f32x4, i32x4, v128 } from "../../src/backend/wasm/emit/simd.ts";

/** What the machine gives at most, measured in this run: no kernel is compared with a number of another day. */
export interface Peaks {
  /** Giga-operations a second of the 8-bit dot product, operands in registers. */
  readonly dotGops: number;
  /** The same for f32 multiply-add. */
  readonly f32Gflops: number;
  /** GB/s of a read stream that walks four parts of memory at once. */
  readonly readGBs: number;
}

const REGISTERS = 12;

function peakModule(): Uint8Array<ArrayBuffer> {
  const module = new ModuleBuilder({ shared: false, initialPages: 1, maximumPages: 65536 });
  for (const name of ["dot", "madd"] as const) {
    module.function(["i32"], { name }, (f) => {
      const sums = f.vectors(REGISTERS);
      const [a, b] = [f.v128(v128.load(0)), f.v128(v128.load(16))];
      const i = f.i32();
      f.for(i, { from: 0, below: f.parameter(0, "i32") }, () => {
        for (const sum of sums) {
          f.set(sum, name === "dot" ? i32x4.relaxedDotI8x16I7x16AddS(a, b, sum) : f32x4.relaxedMadd(a, b, sum));
        }
      });
      for (const [r, sum] of sums.entries()) f.emit(v128.store(64, sum, r * 16));
    });
  }
  module.function(["i32", "i32"], { name: "read" }, (f) => {
    const [at, quarter] = [f.parameter(0, "i32"), f.parameter(1, "i32")];
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
    for (const [r, sum] of sums.entries()) f.emit(v128.store(64, sum, r * 16));
  });
  return module.encode();
}

const STREAM_BYTES = 512 * 1024 * 1024;

/** Measures the peaks; best of `rounds`. */
export function measurePeaks(now: () => number, rounds: number): Peaks {
  const memory = new WebAssembly.Memory({ initial: STREAM_BYTES / 65536 + 16, maximum: 65536 });
  new Uint8Array(memory.buffer).fill(1);
  const instance = new WebAssembly.Instance(new WebAssembly.Module(peakModule()), { env: { memory } });
  const { dot, madd, read } = instance.exports as Record<string, (...args: number[]) => void>;
  const best = (work: number, run: () => void): number => {
    let top = 0;
    for (let r = 0; r < rounds; r++) {
      const start = now();
      run();
      top = Math.max(top, work / (now() - start) / 1e6);
    }
    return top;
  };
  const count = 4e5;
  return {
    dotGops: best(count * REGISTERS * 32, () => dot(count)),
    f32Gflops: best(count * REGISTERS * 8, () => madd(count)),
    readGBs: best(STREAM_BYTES, () => read(1024, STREAM_BYTES / 4)),
  };
}
