import { seededRandom } from "../../../base/random.ts";
import type { KernelVariant } from "./kernel.ts";
import { buildKernelModule, MAXIMUM_MEMORY_PAGES } from "./module.ts";

const PAGE_BYTES = 65536;

/** A kernel module over its own memory with a bump allocator; for tests and benchmarks. */
export interface KernelBench {
  run(name: string, ...args: number[]): void;
  /** Copies values in; returns the byte address (aligned to 64). */
  place(values: Float32Array | Int32Array | Uint8Array | Int8Array | Uint16Array): number;
  /** Reserves bytes filled with 0xCD, so that a kernel that fails to write shows. */
  reserve(bytes: number): number;
  floats(address: number, count: number): Float32Array;
  bytes(address: number, count: number): Uint8Array;
}

/** Compiles the module of `variant` over `megabytes` of memory. */
export function kernelBench(variant: KernelVariant, megabytes = 16): KernelBench {
  const memory = new WebAssembly.Memory({
    initial: (megabytes * 1024 * 1024) / PAGE_BYTES,
    maximum: MAXIMUM_MEMORY_PAGES,
    shared: variant.threads,
  });
  const instance = new WebAssembly.Instance(new WebAssembly.Module(buildKernelModule(variant)), { env: { memory } });
  const exported = instance.exports as Record<string, (...args: number[]) => void>;
  const heap = new Uint8Array(memory.buffer);
  let next = 1024;
  const reserve = (bytes: number): number => {
    const address = next;
    next += Math.ceil(bytes / 64) * 64 + 64;
    heap.fill(0xcd, address, next);
    return address;
  };
  return {
    run: (name, ...args) => exported[name](...args),
    reserve,
    place: (values) => {
      const address = reserve(values.byteLength);
      heap.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), address);
      return address;
    },
    floats: (address, count) => new Float32Array(memory.buffer, address, count).slice(),
    bytes: (address, count) => new Uint8Array(memory.buffer, address, count).slice(),
  };
}

/** The bits of a float argument. */
export function bits(value: number): number {
  return new Int32Array(Float32Array.of(value).buffer)[0];
}

/** Normal values; `outlier` plants that factor on every 97th. */
export function randomFloats(count: number, seed: number, outlier = 1): Float32Array {
  const random = seededRandom(seed);
  return Float32Array.from({ length: count }, (_, index) => random.normal() * (index % 97 === 13 ? outlier : 1));
}

/** Normalised mean squared error: Σ(a − b)² / Σ b². NaN anywhere gives NaN. */
export function nmse(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  let error = 0;
  let energy = 0;
  for (let i = 0; i < expected.length; i++) {
    error += (actual[i] - expected[i]) ** 2;
    energy += expected[i] ** 2;
  }
  return energy === 0 ? error : error / energy;
}

/** The variants every kernel is tested in. */
export const VARIANTS: readonly KernelVariant[] = [
  { relaxed: true, threads: false },
  { relaxed: true, pairs: true, threads: false },
  { relaxed: false, threads: true },
];
