import type { ComputeWorker, StartWorker } from "./thread-pool.ts";
import type { WorkerReport } from "./worker-loop.ts";

/** Starts a compute thread in a page or worker. Bundlers follow this form of address. */
export const startWebWorker: StartWorker = (start): ComputeWorker => {
  const worker = new Worker(new URL("./web-worker.js", import.meta.url), { type: "module" });
  worker.postMessage(start);
  return {
    onReport: (listener) =>
      worker.addEventListener("message", (event: MessageEvent<WorkerReport>) => listener(event.data)),
    onEnd: (listener) => worker.addEventListener("error", (event) => listener(event.message)),
    keepAlive: () => {},
    terminate: () => worker.terminate(),
  };
};
