import { Worker } from "node:worker_threads";
import type { SampleOptions } from "./sample.ts";
import type { Sample } from "./types.ts";

export interface StreamOptions extends SampleOptions {
  readonly seed: number;
  /** First index to make; a resumed run passes the index after the last one it used. */
  readonly from?: number;
  /** First index not to make; endless when absent. */
  readonly to?: number;
  /** Worker threads, 1 when absent. */
  readonly workers?: number;
  /** Samples made ahead per worker, 32 when absent: the bound on memory. */
  readonly ahead?: number;
}

export interface StreamedSample {
  readonly index: number;
  readonly sample: Sample;
}

/** What a worker is told at its start; it then answers each number it is sent with that sample. */
export interface WorkerSetup {
  readonly seed: number;
  readonly options: SampleOptions;
}

/** Yields samples in order of index, made ahead in worker threads; the same sequence for any number of workers. */
export async function* sampleStream(options: StreamOptions): AsyncGenerator<StreamedSample, void, undefined> {
  const { seed, from = 0, to = Number.POSITIVE_INFINITY, workers: count = 1, ahead = 32, stage, splits } = options;
  const setup: WorkerSetup = { seed, options: splits === undefined ? { stage } : { stage, splits } };
  const waiting = new Map<number, PromiseWithResolvers<Sample>>();
  const workers = Array.from({ length: count }, () => startWorker(setup, waiting));
  try {
    let asked = from;
    for (let index = from; index < to; index++) {
      for (; asked < Math.min(index + ahead * count, to); asked++) {
        const promise = Promise.withResolvers<Sample>();
        // A failure is reported to whoever awaits that index; until then it must not count as unhandled.
        promise.promise.catch(() => {});
        waiting.set(asked, promise);
        workers[asked % count].postMessage(asked);
      }
      const made = await waiting.get(index)?.promise;
      waiting.delete(index);
      if (made !== undefined) yield { index, sample: made };
    }
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
}

function startWorker(setup: WorkerSetup, waiting: ReadonlyMap<number, PromiseWithResolvers<Sample>>): Worker {
  const worker = new Worker(new URL("./stream-worker.ts", import.meta.url), { workerData: setup });
  worker.on("message", ({ index, sample }: StreamedSample) => waiting.get(index)?.resolve(sample));
  worker.on("error", (error) => {
    for (const { reject } of waiting.values()) reject(error);
  });
  return worker;
}
