import { UnsupportedError } from "../../base/errors.ts";
import { present } from "../../base/invariant.ts";
import type { Region } from "./buffers.ts";
import { Memories, type MemoryLimits } from "./memories.ts";
import type { ThreadPool } from "./thread-pool.ts";
import type { Engine, Workspace } from "./wasm-executable.ts";
import { CONTROL_WORDS } from "./worker-loop.ts";

/** Scratch of one thread: enough for attention at head width 256. */
const SCRATCH_BYTES = 1 << 20;
const SCRATCH_START = CONTROL_WORDS * Int32Array.BYTES_PER_ELEMENT;

const nothing = (memory: number): Region => ({ memory, address: 0, bytes: 0 });

/** Memory regions and the running of replays, shared by all executables of a backend. */
export class Machine implements Engine {
  readonly memories: Memories;
  /** Of each thread; the same in every memory. */
  readonly scratchAddresses: readonly number[];
  pool: ThreadPool | undefined;
  #code = nothing(0);
  readonly #arenas: Region[];
  #queue: Promise<unknown> = Promise.resolve();
  #waiting = 0;
  #workspaceCount = 0;

  constructor(memories: readonly WebAssembly.Memory[], threadCount: number, limits: MemoryLimits) {
    const start = limits.firstAddress ?? SCRATCH_START;
    this.scratchAddresses = Array.from({ length: threadCount }, (_, thread) => start + thread * SCRATCH_BYTES);
    this.memories = new Memories(memories, start + threadCount * SCRATCH_BYTES, limits);
    this.#arenas = memories.map((_, memory) => nothing(memory));
  }

  get codeAddress(): number {
    return this.#code.address;
  }

  /** Weights, states, constants, workspaces, and the scratch of the memories in use. */
  get allocatedBytes(): number {
    return this.memories.allocatedBytes;
  }

  memory(index: number): WebAssembly.Memory {
    return this.memories.heaps[index].memory;
  }

  get arenas(): readonly number[] {
    return this.#arenas.map(({ address }) => address);
  }

  arenaGrowth(arenaBytes: readonly number[]): number {
    return this.#arenas.reduce((sum, { bytes }, memory) => sum + Math.max(0, (arenaBytes[memory] ?? 0) - bytes), 0);
  }

  open(workspace: Workspace): void {
    if (workspace.scratchBytes > SCRATCH_BYTES) {
      throw new UnsupportedError(
        `A kernel needs ${workspace.scratchBytes} bytes of scratch, more than ${SCRATCH_BYTES}.`,
        "Report this.",
      );
    }
    // while others compute, the arena stays where it is; the first replay makes room
    if (this.#waiting === 0) this.prepare(workspace);
    this.#workspaceCount++;
  }

  prepare({ arenaBytes, codeBytes }: Workspace): void {
    for (const [memory, bytes] of arenaBytes.entries()) {
      if (bytes > this.#arenas[memory].bytes) {
        // given back first, so that both are never held: nothing in it outlives a replay
        this.#free(this.#arenas[memory]);
        this.#arenas[memory] = nothing(memory);
        this.#arenas[memory] = this.#allocate(memory, bytes);
      }
    }
    if (codeBytes > this.#code.bytes) {
      this.#free(this.#code);
      this.#code = nothing(0);
      this.#code = this.#allocate(0, codeBytes);
    }
  }

  close(): void {
    this.#workspaceCount--;
    if (this.#workspaceCount > 0 || this.#waiting > 0) return;
    for (const region of [...this.#arenas, this.#code]) this.#free(region);
    for (const memory of this.#arenas.keys()) this.#arenas[memory] = nothing(memory);
    this.#code = nothing(0);
  }

  allocateConstant(memory: number, values: Float32Array | Int32Array): Region {
    const region = this.#allocate(memory, values.byteLength);
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    new Uint8Array(this.memory(memory).buffer, region.address, region.bytes).set(bytes);
    return region;
  }

  freeConstant(region: Region): void {
    this.#free(region);
  }

  run(code: Int32Array): Promise<void> {
    return present(this.pool, "the thread pool").run(code);
  }

  exclusive<T>(job: () => Promise<T>): Promise<T> {
    this.#waiting++;
    const guarded = async (): Promise<T> => {
      this.memories.hold();
      try {
        return await job();
      } finally {
        this.memories.unhold();
        this.#waiting--;
      }
    };
    const result = this.#queue.then(guarded);
    this.#queue = result.catch(() => {});
    return result;
  }

  #allocate(memory: number, bytes: number): Region {
    return { memory, address: this.memories.heaps[memory].allocate(bytes), bytes };
  }

  #free({ memory, address, bytes }: Region): void {
    if (bytes > 0) this.memories.heaps[memory].free(address, bytes);
  }
}
