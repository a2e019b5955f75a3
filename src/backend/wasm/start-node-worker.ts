import { Worker } from "node:worker_threads";
import type { StartWorker } from "./thread-pool.ts";

// run from sources the file ends in .ts, from the package in .js
const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";

/** Starts a compute thread in Node. It does not keep an idle process alive. */
export const startNodeWorker: StartWorker = (start) => {
  const worker = new Worker(new URL(`./node-worker.${extension}`, import.meta.url), {
    workerData: start,
    name: `minicpmv ${start.thread}`,
  });
  return {
    onReport: (listener) => worker.on("message", listener),
    onEnd: (listener) => {
      worker.on("error", (error) => listener(String(error)));
      worker.on("exit", (code) => listener(`thread ${start.thread} ended with code ${code}`));
    },
    keepAlive: (isBusy) => {
      if (isBusy) worker.ref();
      else worker.unref();
    },
    terminate: () => void worker.terminate(), // resolves when the thread has gone; nobody waits for that
  };
};
