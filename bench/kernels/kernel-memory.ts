import type { KernelVariant } from "../../src/backend/wasm/kernels/kernel.ts";
import { buildKernelModule } from "../../src/backend/wasm/kernels/module.ts";

/** Kernels over one memory with a bump allocator: the benchmarks' stand-in for the backend. */
export interface KernelMemory {
  run(name: string, ...args: number[]): void;
  reserve(bytes: number): number;
  place(values: Float32Array | Int32Array | Uint8Array): number;
}

/** Instantiates `bytes` (by default the built module) over `megabytes` of memory. */
export function kernelMemory(
  variant: KernelVariant,
  megabytes: number,
  bytes = buildKernelModule(variant),
): KernelMemory {
  const memory = new WebAssembly.Memory({ initial: megabytes * 16, maximum: 65536, shared: variant.threads });
  const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { memory } });
  const kernels = instance.exports as Record<string, (...args: number[]) => void>;
  let next = 1024;
  const reserve = (size: number): number => {
    const address = next;
    next += Math.ceil(size / 64) * 64 + 64;
    return address;
  };
  return {
    run: (name, ...args) => kernels[name](...args),
    reserve,
    place: (values) => {
      const address = reserve(values.byteLength);
      new Uint8Array(memory.buffer).set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), address);
      return address;
    },
  };
}
