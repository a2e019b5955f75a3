import { Worker } from "node:worker_threads";
import type { KernelVariant } from "../../src/backend/wasm/kernels/kernel.ts";
import { buildKernelModule, KERNEL_SIGNATURES } from "../../src/backend/wasm/kernels/module.ts";
import { bareGemmModule } from "./bare-gemm.ts";
import { PEAK_NAMES, peakModule } from "./peaks.ts";
import { CALL_WORDS, CONTROL, CONTROL_BYTES, instantiateAll, type TeamStart } from "./team-call.ts";

const THREADS = 2;

/** One kernel call. */
export interface KernelCall {
  readonly kernel: string;
  readonly args: readonly number[];
}

/** Kernels on one or two threads over one shared memory with a bump allocator: the benchmarks' stand-in for the backend. */
export interface KernelTeam {
  /** Runs one call on each of as many threads as there are calls, and waits for all. */
  run(calls: readonly KernelCall[]): void;
  reserve(bytes: number): number;
  place(values: Float32Array | Int32Array | Uint16Array | Uint8Array): number;
  /** A view of the memory. */
  bytes(address: number, count: number): Uint8Array<SharedArrayBuffer>;
  /** A copy of what stands there. */
  floats(address: number, count: number): Float32Array;
  readonly variant: KernelVariant;
  /** 256-bit vectors are switched on. */
  readonly isWide: boolean;
  stop(): void;
}

/** Starts the team over `megabytes` of memory. */
export function kernelTeam(megabytes: number, variant: KernelVariant, isWide: boolean): KernelTeam {
  const memory = new WebAssembly.Memory({ initial: megabytes * 16, maximum: 65536, shared: true });
  const heap = new Uint8Array(memory.buffer as unknown as SharedArrayBuffer);
  const names = [...KERNEL_SIGNATURES.map(({ name }) => name), ...PEAK_NAMES, "bareGemm"];
  const modules = [buildKernelModule(variant), peakModule(), bareGemmModule(variant)].map(
    (bytes) => new WebAssembly.Module(bytes),
  );
  const start: TeamStart = { memory, modules, control: new SharedArrayBuffer(CONTROL_BYTES), names, part: 0 };
  const control = new Int32Array(start.control);
  const kernels = instantiateAll(start);
  const indexOf = new Map(names.map((name, index) => [name, index]));
  for (let part = 1; part < THREADS; part++) {
    new Worker(new URL("./team-worker.ts", import.meta.url), { workerData: { ...start, part } }).unref();
  }
  let next = 4096;
  const reserve = (bytes: number): number => {
    const address = next;
    next += Math.ceil(bytes / 64) * 64 + 64;
    if (next > heap.length) throw new RangeError(`The team's memory of ${megabytes} MiB is full.`);
    return address;
  };
  return {
    run: (calls) => {
      const [own, ...others] = calls;
      if (others.length > 0) {
        for (const [i, { kernel, args }] of others.entries()) {
          control.set([indexOf.get(kernel) ?? 0, args.length, ...args], CONTROL.calls + (i + 1) * CALL_WORDS);
        }
        Atomics.store(control, CONTROL.done, 0);
        Atomics.store(control, CONTROL.count, calls.length);
        Atomics.add(control, CONTROL.generation, 1);
        Atomics.notify(control, CONTROL.generation);
      }
      kernels[indexOf.get(own.kernel) ?? 0](...own.args);
      while (Atomics.load(control, CONTROL.done) < others.length && others.length > 0);
    },
    reserve,
    place: (values) => {
      const address = reserve(values.byteLength);
      heap.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), address);
      return address;
    },
    bytes: (address, count) => heap.subarray(address, address + count),
    floats: (address, count) => Float32Array.from(new Float32Array(heap.buffer, address, count)),
    variant,
    isWide,
    stop: () => {
      Atomics.store(control, CONTROL.generation, -1);
      Atomics.notify(control, CONTROL.generation);
    },
  };
}
