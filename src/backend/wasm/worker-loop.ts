import {
  CALL_ARGUMENT_COUNT,
  CALL_BARRIER,
  CALL_GRANULE,
  CALL_HEADER,
  CALL_KERNEL,
  CALL_SCRATCH,
  CALL_SPLIT,
} from "./call-layout.ts";

/** Words of the control block at the start of memory, as int32 indices. */
export const CONTROL = {
  /** Raised by the owner to start a replay. */
  epoch: 0,
  codeAddress: 1,
  codeLength: 2,
  barrierCount: 3,
  barrierGeneration: 4,
  failed: 5,
  stop: 6,
} as const;

export const CONTROL_WORDS = 16;

// a few tens of microseconds: longer than most ops of a decode step, shorter than a time slice
const SPIN_COUNT = 3000;
// a sleeping thread looks again after this long, so that a dead neighbour cannot hold it for ever
const SLEEP_MS = 1000;

export type Kernel = (...args: number[]) => void;

/** What one thread computes with. */
export interface ThreadContext {
  /** Kernels of each memory's instance and its copyAcross, memory after memory. */
  readonly kernels: readonly Kernel[];
  readonly thread: number;
  readonly threadCount: number;
  readonly scratchAddress: number;
}

/** The kernels over some memories, and a function that tells them that memories may have grown. */
export interface CallTable {
  readonly kernels: readonly Kernel[];
  refresh(): void;
}

/** One instance of the module per memory; each is followed by the copy of rows into its memory. */
export function callTable(
  module: WebAssembly.Module,
  memories: readonly WebAssembly.Memory[],
  kernelNames: readonly string[],
): CallTable {
  let views: readonly Uint8Array[] = [];
  const kernels = memories.flatMap((memory, index) => {
    const { exports } = new WebAssembly.Instance(module, { env: { memory } });
    const copyAcross: Kernel = (fromMemory, from, to, rowBytes, begin, end) => {
      // addresses are unsigned, arguments are not
      const source = (from >>> 0) + begin * rowBytes;
      const rows = views[fromMemory].subarray(source, source + (end - begin) * rowBytes);
      views[index].set(rows, (to >>> 0) + begin * rowBytes);
    };
    return [...kernelNames.map((name) => exports[name] as Kernel), copyAcross];
  });
  return {
    kernels,
    refresh: () => {
      views = memories.map(({ buffer }) => new Uint8Array(buffer));
    },
  };
}

/** Runs one thread's share of encoded calls. `wait` is called where all threads must meet. */
export function runCalls(code: Int32Array, context: ThreadContext, wait: () => void): void {
  let at = 0;
  while (at < code.length) {
    if (code[at + CALL_BARRIER] === 1) wait();
    const count = code[at + CALL_ARGUMENT_COUNT];
    runCall(code, at, context);
    at += CALL_HEADER + count;
  }
}

function runCall(code: Int32Array, at: number, { kernels, thread, threadCount, scratchAddress }: ThreadContext): void {
  const count = code[at + CALL_ARGUMENT_COUNT];
  const args: number[] = new Array(count);
  for (let i = 0; i < count; i++) args[i] = code[at + CALL_HEADER + i];
  const split = code[at + CALL_SPLIT];
  if (split < 0) {
    if (thread !== 0) return;
  } else {
    const granule = code[at + CALL_GRANULE];
    const begin = args[split];
    const end = args[split + 1];
    const pieces = Math.ceil((end - begin) / granule);
    args[split] = begin + Math.floor((pieces * thread) / threadCount) * granule;
    args[split + 1] = Math.min(end, begin + Math.floor((pieces * (thread + 1)) / threadCount) * granule);
    if (args[split] >= args[split + 1]) return;
  }
  const scratch = code[at + CALL_SCRATCH];
  if (scratch >= 0) args[scratch] = scratchAddress;
  kernels[code[at + CALL_KERNEL]](...args);
}

/** Meets the other threads: spins briefly, then sleeps. */
export function barrier(control: Int32Array, threadCount: number): void {
  const generation = Atomics.load(control, CONTROL.barrierGeneration);
  if (Atomics.add(control, CONTROL.barrierCount, 1) === threadCount - 1) {
    Atomics.store(control, CONTROL.barrierCount, 0);
    Atomics.add(control, CONTROL.barrierGeneration, 1);
    Atomics.notify(control, CONTROL.barrierGeneration);
    return;
  }
  waitForChange(control, CONTROL.barrierGeneration, generation);
}

/** Returns once control[index] is no longer `seen`. */
export function waitForChange(control: Int32Array, index: number, seen: number): void {
  for (let spin = 0; spin < SPIN_COUNT; spin++) {
    if (Atomics.load(control, index) !== seen) return;
  }
  while (Atomics.load(control, index) === seen) Atomics.wait(control, index, seen, SLEEP_MS);
}

/** What a worker is sent first. */
export interface WorkerStart {
  readonly module: WebAssembly.Module;
  /** The first holds the control block and the code. */
  readonly memories: readonly WebAssembly.Memory[];
  readonly kernelNames: readonly string[];
  readonly thread: number;
  readonly threadCount: number;
  readonly scratchAddress: number;
}

/** What thread 0 says when a replay is over. */
export type WorkerReport =
  | { readonly kind: "ready" }
  | { readonly kind: "done" }
  | { readonly kind: "failed"; readonly reason: string };

/** A compute thread: waits for replays until told to stop. Blocks its worker for good. */
export function serve(start: WorkerStart, report: (message: WorkerReport) => void): void {
  const { memories, threadCount, thread } = start;
  const [memory] = memories;
  const { kernels, refresh } = callTable(start.module, memories, start.kernelNames);
  const context: ThreadContext = {
    kernels,
    thread,
    threadCount,
    scratchAddress: start.scratchAddress,
  };
  let epoch = 0;
  report({ kind: "ready" });
  for (;;) {
    // a grown memory has a new buffer: views are made again for every replay
    const idle = new Int32Array(memory.buffer, 0, CONTROL_WORDS);
    waitForChange(idle, CONTROL.epoch, epoch);
    const control = new Int32Array(memory.buffer, 0, CONTROL_WORDS);
    epoch = Atomics.load(control, CONTROL.epoch);
    if (Atomics.load(control, CONTROL.stop) === 1) return;
    refresh();
    const code = new Int32Array(memory.buffer, control[CONTROL.codeAddress] >>> 0, control[CONTROL.codeLength]);
    const reason = runShare(code, context, control);
    if (reason !== undefined) Atomics.store(control, CONTROL.failed, 1);
    barrier(control, threadCount);
    if (reason !== undefined) report({ kind: "failed", reason });
    // a trap of any thread spoils the replay: then the one that trapped speaks
    else if (thread === 0 && Atomics.load(control, CONTROL.failed) === 0) report({ kind: "done" });
  }
}

/** Runs this thread's share. After a trap it still meets the others at every barrier, so that none waits for ever. */
function runShare(code: Int32Array, context: ThreadContext, control: Int32Array): string | undefined {
  const wait = (): void => barrier(control, context.threadCount);
  let failure: string | undefined;
  const guarded: ThreadContext = {
    ...context,
    kernels: context.kernels.map((kernel) => (...args) => {
      if (failure !== undefined) return;
      try {
        kernel(...args);
      } catch (error) {
        failure = String(error);
      }
    }),
  };
  runCalls(code, guarded, wait);
  return failure;
}
