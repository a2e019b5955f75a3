import { UnsupportedError } from "../../base/errors.ts";
import { present } from "../../base/invariant.ts";
import { Heap } from "./heap.ts";
import type { ThreadPool } from "./thread-pool.ts";
import type { Engine, Workspace } from "./wasm-executable.ts";
import { CONTROL_WORDS } from "./worker-loop.ts";

/** Scratch of one thread: enough for attention at head width 256. */
const SCRATCH_BYTES = 1 << 20;

interface Region {
  readonly address: number;
  readonly bytes: number;
}

const NOTHING: Region = { address: 0, bytes: 0 };

/** Memory regions and the running of replays, shared by all executables of a backend. */
export class Machine implements Engine {
  readonly memory: WebAssembly.Memory;
  readonly heap: Heap;
  readonly scratchAddresses: readonly number[];
  pool: ThreadPool | undefined;
  #code = NOTHING;
  #arena = NOTHING;
  #queue: Promise<unknown> = Promise.resolve();
  #waiting = 0;
  #workspaceCount = 0;

  constructor(memory: WebAssembly.Memory, threadCount: number, limitBytes?: number) {
    this.memory = memory;
    this.heap = new Heap(memory, CONTROL_WORDS * 4, limitBytes);
    this.scratchAddresses = Array.from({ length: threadCount }, () => this.heap.allocate(SCRATCH_BYTES));
  }

  get codeAddress(): number {
    return this.#code.address;
  }

  get allocatedBytes(): number {
    return this.heap.allocatedBytes;
  }

  get arenaBytes(): number {
    return this.#arena.bytes;
  }

  arenaAddress(): number {
    return this.#arena.address;
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
    if (arenaBytes > this.#arena.bytes) {
      // given back first, so that both are never held: nothing in it outlives a replay
      this.#free(this.#arena);
      this.#arena = NOTHING;
      this.#arena = { address: this.heap.allocate(arenaBytes), bytes: arenaBytes };
    }
    if (codeBytes > this.#code.bytes) {
      this.#free(this.#code);
      this.#code = NOTHING;
      this.#code = { address: this.heap.allocate(codeBytes), bytes: codeBytes };
    }
  }

  close(): void {
    this.#workspaceCount--;
    if (this.#workspaceCount > 0 || this.#waiting > 0) return;
    this.#free(this.#arena);
    this.#free(this.#code);
    this.#arena = NOTHING;
    this.#code = NOTHING;
  }

  allocateConstant(values: Float32Array | Int32Array): Region {
    const block = { address: this.heap.allocate(values.byteLength), bytes: values.byteLength };
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    new Uint8Array(this.memory.buffer, block.address, block.bytes).set(bytes);
    return block;
  }

  freeConstant({ address, bytes }: Region): void {
    this.heap.free(address, bytes);
  }

  run(code: Int32Array): Promise<void> {
    return present(this.pool, "the thread pool").run(code);
  }

  exclusive<T>(job: () => Promise<T>): Promise<T> {
    this.#waiting++;
    const guarded = async (): Promise<T> => {
      this.heap.hold();
      try {
        return await job();
      } finally {
        this.heap.unhold();
        this.#waiting--;
      }
    };
    const result = this.#queue.then(guarded);
    this.#queue = result.catch(() => {});
    return result;
  }

  #free({ address, bytes }: Region): void {
    if (bytes > 0) this.heap.free(address, bytes);
  }
}
