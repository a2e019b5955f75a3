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
import { Heap } from "./heap.ts";
import { buildKernelModule, KERNEL_SIGNATURES, MAXIMUM_MEMORY_PAGES } from "./kernels/module.ts";
import { inlinePool, type StartWorker, type ThreadPool, workerPool } from "./thread-pool.ts";
import { type Engine, WasmExecutable } from "./wasm-executable.ts";
import { WasmState } from "./wasm-state.ts";
import { uploadWeight } from "./wasm-weight.ts";
import type { DecodeStored } from "./weight-rows.ts";
import { CONTROL_WORDS } from "./worker-loop.ts";

export interface WasmBackendOptions {
  readonly decode: DecodeStored;
  /** Starts workers on this platform; without it everything runs on the calling thread. */
  readonly startWorker?: StartWorker;
  readonly threadCount?: number;
  /** Overrides what was detected, for tests. */
  readonly features?: Partial<WasmFeatures>;
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
  const variant = { relaxed: features.relaxedSimd, threads: isThreaded };
  const module = await WebAssembly.compile(buildKernelModule(variant));
  const memory = new WebAssembly.Memory({ initial: INITIAL_PAGES, maximum: MAXIMUM_MEMORY_PAGES, shared: isThreaded });
  const machine = new Machine(memory, threadCount);
  const kernelNames = KERNEL_SIGNATURES.map(({ name }) => name);
  const parts = {
    module,
    memory,
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

/** Scratch of one thread: enough for attention at head width 256. */
const SCRATCH_BYTES = 1 << 20;

/** Memory regions and the running of replays, shared by all executables of a backend. */
class Machine implements Engine {
  readonly memory: WebAssembly.Memory;
  readonly heap: Heap;
  readonly scratchAddresses: readonly number[];
  pool: ThreadPool | undefined;
  codeAddress = 0;
  #codeWords = 0;
  #arena = { address: 0, bytes: 0 };
  #queue: Promise<unknown> = Promise.resolve();

  constructor(memory: WebAssembly.Memory, threadCount: number) {
    this.memory = memory;
    this.heap = new Heap(memory, CONTROL_WORDS * 4);
    this.scratchAddresses = Array.from({ length: threadCount }, () => this.heap.allocate(SCRATCH_BYTES));
  }

  arenaAddress(): number {
    return this.#arena.address;
  }

  reserve(arenaBytes: number, scratchBytes: number, codeWords: number): void {
    if (scratchBytes > SCRATCH_BYTES) {
      throw new UnsupportedError(
        `A kernel needs ${scratchBytes} bytes of scratch, more than ${SCRATCH_BYTES}.`,
        "Report this.",
      );
    }
    if (arenaBytes > this.#arena.bytes) {
      if (this.#arena.bytes > 0) this.heap.free(this.#arena.address, this.#arena.bytes);
      this.#arena = { address: 0, bytes: 0 };
      this.#arena = { address: this.heap.allocate(arenaBytes), bytes: arenaBytes };
    }
    if (codeWords > this.#codeWords) {
      if (this.#codeWords > 0) this.heap.free(this.codeAddress, this.#codeWords * 4);
      this.#codeWords = 0;
      this.codeAddress = this.heap.allocate(codeWords * 4);
      this.#codeWords = codeWords;
    }
  }

  allocateConstant(values: Float32Array | Int32Array) {
    const block = { address: this.heap.allocate(values.byteLength), bytes: values.byteLength };
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    new Uint8Array(this.memory.buffer, block.address, block.bytes).set(bytes);
    return block;
  }

  freeConstant({ address, bytes }: { readonly address: number; readonly bytes: number }): void {
    this.heap.free(address, bytes);
  }

  run(code: Int32Array): Promise<void> {
    return present(this.pool, "the thread pool").run(code);
  }

  exclusive<T>(job: () => Promise<T>): Promise<T> {
    const result = this.#queue.then(job);
    this.#queue = result.catch(() => {});
    return result;
  }
}

class WasmBackend implements Backend {
  readonly info: BackendInfo;
  readonly #machine: Machine;
  readonly #decode: DecodeStored;
  #isDisposed = false;

  constructor(info: BackendInfo, machine: Machine, decode: DecodeStored) {
    this.info = info;
    this.#machine = machine;
    this.#decode = decode;
  }

  get residentBytes(): number {
    return this.#machine.heap.allocatedBytes;
  }

  async upload(source: WeightSource, options: UploadOptions): Promise<ResidentWeight> {
    this.#check();
    return uploadWeight(source, options, { heap: this.#machine.heap, decode: this.#decode });
  }

  createState(graph: Graph, name: string): ResidentState {
    this.#check();
    const { from } = present(graph.states[name], `state ${name}`);
    return new WasmState(name, graph.values[from], this.#machine.heap);
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
