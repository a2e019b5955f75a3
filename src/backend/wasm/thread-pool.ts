import { DisposedError } from "../../base/errors.ts";
import { WorkerFailedError } from "./errors.ts";
import { CONTROL, CONTROL_WORDS, callTable, runCalls, type WorkerReport, type WorkerStart } from "./worker-loop.ts";

/** A worker of either platform, as far as the pool needs it. */
export interface ComputeWorker {
  onReport(listener: (message: WorkerReport) => void): void;
  /** The worker ended or threw outside a kernel. */
  onEnd(listener: (reason: string) => void): void;
  /** Keeps the process alive while a replay is under way; nothing to do in a page. */
  keepAlive(isBusy: boolean): void;
  terminate(): void;
}

/** Starts a worker that calls `serve` with `start`. */
export type StartWorker = (start: WorkerStart) => ComputeWorker;

/** Runs encoded kernel calls. One replay at a time. */
export interface ThreadPool {
  readonly threadCount: number;
  /** Throws WorkerFailedError when a thread traps or ends. */
  run(code: Int32Array): Promise<void>;
  dispose(): void;
}

export interface PoolParts {
  readonly module: WebAssembly.Module;
  /** The first holds the control block and the code. */
  readonly memories: readonly WebAssembly.Memory[];
  readonly kernelNames: readonly string[];
  readonly scratchAddresses: readonly number[];
  /** Where encoded calls are copied for the workers to read; must hold the longest. */
  readonly codeAddress: () => number;
}

/** Runs everything on the calling thread: pages that are not cross-origin isolated, and tests. */
export function inlinePool({ module, memories, kernelNames, scratchAddresses }: PoolParts): ThreadPool {
  const { kernels, refresh } = callTable(module, memories, kernelNames);
  const context = { kernels, thread: 0, threadCount: 1, scratchAddress: scratchAddresses[0] };
  return {
    threadCount: 1,
    run: async (code) => {
      try {
        refresh();
        runCalls(code, context, () => {});
      } catch (cause) {
        throw new WorkerFailedError(String(cause), { cause });
      }
    },
    dispose: () => {},
  };
}

/** One worker per scratch address over a shared memory. Resolves when all are ready. Throws WorkerFailedError. */
export async function workerPool(parts: PoolParts, startWorker: StartWorker): Promise<ThreadPool> {
  const threadCount = parts.scratchAddresses.length;
  const { module, memories, kernelNames } = parts;
  const workers = parts.scratchAddresses.map((scratchAddress, thread) =>
    startWorker({ module, memories, kernelNames, thread, threadCount, scratchAddress }),
  );
  const pool = new WorkerPool(workers, parts);
  await pool.ready;
  return pool;
}

interface Pending {
  readonly resolve: () => void;
  readonly reject: (error: WorkerFailedError) => void;
}

class WorkerPool implements ThreadPool {
  readonly threadCount: number;
  readonly ready: Promise<void>;
  readonly #workers: readonly ComputeWorker[];
  readonly #parts: PoolParts;
  #pending: Pending | undefined;
  #broken: string | undefined;
  #isDisposed = false;

  constructor(workers: readonly ComputeWorker[], parts: PoolParts) {
    this.threadCount = workers.length;
    this.#workers = workers;
    this.#parts = parts;
    let readyCount = 0;
    this.ready = new Promise((resolve, reject) => {
      this.#pending = { resolve, reject };
    });
    for (const worker of workers) {
      worker.onReport((message) => {
        if (message.kind === "ready") {
          readyCount++;
          if (readyCount === workers.length) this.#settle();
        } else if (message.kind === "failed") {
          this.#fail(message.reason);
        } else {
          this.#settle();
        }
      });
      worker.onEnd((reason) => {
        if (!this.#isDisposed) this.#fail(reason);
      });
    }
  }

  async run(code: Int32Array): Promise<void> {
    if (this.#isDisposed) throw new DisposedError("the thread pool", "used");
    if (this.#broken !== undefined) throw new WorkerFailedError(this.#broken);
    const [memory] = this.#parts.memories;
    const address = this.#parts.codeAddress();
    new Int32Array(memory.buffer, address, code.length).set(code);
    const control = new Int32Array(memory.buffer, 0, CONTROL_WORDS);
    control[CONTROL.codeAddress] = address;
    control[CONTROL.codeLength] = code.length;
    const finished = new Promise<void>((resolve, reject) => {
      this.#pending = { resolve, reject };
    });
    for (const worker of this.#workers) worker.keepAlive(true);
    Atomics.add(control, CONTROL.epoch, 1);
    Atomics.notify(control, CONTROL.epoch);
    try {
      await finished;
    } finally {
      for (const worker of this.#workers) worker.keepAlive(false);
    }
  }

  dispose(): void {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    this.#pending?.reject(new WorkerFailedError("the backend was disposed of while it computed"));
    this.#pending = undefined;
    this.#stop();
  }

  #stop(): void {
    const control = new Int32Array(this.#parts.memories[0].buffer, 0, CONTROL_WORDS);
    Atomics.store(control, CONTROL.stop, 1);
    Atomics.add(control, CONTROL.epoch, 1);
    Atomics.notify(control, CONTROL.epoch);
    for (const worker of this.#workers) worker.terminate();
  }

  #settle(): void {
    this.#pending?.resolve();
    this.#pending = undefined;
  }

  /** The threads that are left would wait for the lost one at the next barrier: they end too. */
  #fail(reason: string): void {
    if (this.#broken !== undefined) return;
    this.#broken = reason;
    this.#stop();
    this.#pending?.reject(new WorkerFailedError(reason));
    this.#pending = undefined;
  }
}
