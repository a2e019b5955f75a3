import { DisposedError, UnsupportedError } from "../../base/errors.ts";
import { present } from "../../base/invariant.ts";
import type {
  Backend,
  BackendInfo,
  Executable,
  LowerOptions,
  ResidentState,
  ResidentWeight,
  UploadOptions,
  WeightSource,
} from "../../tensor/backend.ts";
import type { Graph } from "../../tensor/graph.ts";
import { detectWasmFeatures, type WasmFeatures } from "./emit/features.ts";
import { prefersPairs } from "./kernels/dot-form.ts";
import { buildKernelModule, KERNEL_SIGNATURES, MAXIMUM_MEMORY_PAGES } from "./kernels/module.ts";
import { Machine } from "./machine.ts";
import type { MemoryLimits } from "./memories.ts";
import { inlinePool, type StartWorker, workerPool } from "./thread-pool.ts";
import { UploadBuffers } from "./upload-buffers.ts";
import { WasmExecutable } from "./wasm-executable.ts";
import { WasmState } from "./wasm-state.ts";
import { uploadWeight } from "./wasm-weight.ts";
import type { DecodeStored } from "./weight-rows.ts";

export interface WasmBackendOptions {
  readonly decode: DecodeStored;
  /** Starts workers on this platform; without it everything runs on the calling thread. */
  readonly startWorker?: StartWorker;
  readonly threadCount?: number;
  /** Most bytes the backend may ever use; what its memories can address by default. */
  readonly memoryLimitBytes?: number;
  /** Memories at most; one by default. */
  readonly memoryCount?: number;
  /** How they are filled, where it is not to be as 4 GiB for each allow. */
  readonly memories?: Omit<MemoryLimits, "totalBytes">;
  /** Overrides what was detected, for tests. `pairs`: the form of byte products, which is timed otherwise. */
  readonly features?: Partial<WasmFeatures & { readonly pairs: boolean }>;
}

const INITIAL_PAGES = 64;

/** Compiles the kernels for this machine and starts the threads. Throws UnsupportedError where SIMD is missing. */
export async function createWasmBackend(options: WasmBackendOptions): Promise<Backend> {
  const features = detectWasmFeatures(options.features);
  if (!features.simd) {
    throw new UnsupportedError(
      "WebAssembly SIMD is missing in this engine.",
      "Use Node 20 or newer, or a browser of 2023 or newer.",
    );
  }
  const threadCount = options.startWorker !== undefined && features.threads ? Math.max(1, options.threadCount ?? 1) : 1;
  // one thread runs where the caller is only if there is no worker to run it: a page must never block
  const isThreaded = options.startWorker !== undefined && features.threads;
  const relaxed = features.relaxedSimd;
  const variant = { relaxed, pairs: relaxed && (options.features?.pairs ?? prefersPairs()), threads: isThreaded };
  const module = await WebAssembly.compile(buildKernelModule(variant));
  const memories = openMemories(options.memoryCount ?? 1, isThreaded);
  const limits = { ...options.memories, totalBytes: options.memoryLimitBytes };
  const machine = new Machine(memories, threadCount, limits);
  const kernelNames = KERNEL_SIGNATURES.map(({ name }) => name);
  const parts = {
    module,
    memories,
    kernelNames,
    scratchAddresses: machine.scratchAddresses,
    codeAddress: () => machine.codeAddress,
  };
  const pool =
    isThreaded && options.startWorker !== undefined ? await workerPool(parts, options.startWorker) : inlinePool(parts);
  machine.pool = pool;
  const simd = variant.relaxed ? "relaxed SIMD" : "plain SIMD";
  const info: BackendInfo = {
    name: "wasm",
    description: `WebAssembly, ${simd}, ${threadCount} ${threadCount === 1 ? "thread" : "threads"}`,
    threadCount,
    unsupported: {},
  };
  return new WasmBackend(info, machine, options.decode);
}

/** Reserves addresses, not memory. Where the engine gives fewer than were asked for, those are what there is. */
function openMemories(count: number, shared: boolean): readonly WebAssembly.Memory[] {
  const open = (initial: number) => new WebAssembly.Memory({ initial, maximum: MAXIMUM_MEMORY_PAGES, shared });
  const memories = [open(INITIAL_PAGES)];
  try {
    while (memories.length < count) memories.push(open(1));
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
  return memories;
}

class WasmBackend implements Backend {
  readonly info: BackendInfo;
  readonly #machine: Machine;
  readonly #decode: DecodeStored;
  /** Of uploads that are over, for those to come. */
  readonly #buffers: UploadBuffers[] = [];
  #isDisposed = false;

  constructor(info: BackendInfo, machine: Machine, decode: DecodeStored) {
    this.info = info;
    this.#machine = machine;
    this.#decode = decode;
  }

  get residentBytes(): number {
    return this.#machine.allocatedBytes;
  }

  async upload(source: WeightSource, options: UploadOptions): Promise<ResidentWeight> {
    this.#check();
    const buffers = this.#buffers.pop() ?? new UploadBuffers();
    try {
      return await uploadWeight(source, options, { memories: this.#machine.memories, decode: this.#decode, buffers });
    } finally {
      this.#buffers.push(buffers);
    }
  }

  createState(graph: Graph, name: string): ResidentState {
    this.#check();
    const { from } = present(graph.states[name], `state ${name}`);
    const { memories } = this.#machine;
    const memory = memories.memoryOfState(graph, name);
    return new WasmState(name, graph.values[from], { heap: memories.heaps[memory], memory });
  }

  lower(graph: Graph, options: LowerOptions): Executable {
    this.#check();
    return new WasmExecutable(graph, options, this.#machine);
  }

  [Symbol.dispose](): void {
    if (this.#isDisposed) throw new DisposedError("the WebAssembly backend", "disposed again");
    this.#isDisposed = true;
    this.#machine.pool?.dispose();
  }

  #check(): void {
    if (this.#isDisposed) throw new DisposedError("the WebAssembly backend", "used");
  }
}
