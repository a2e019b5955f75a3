import { parentPort, workerData } from "node:worker_threads";
import { sample } from "./sample.ts";
import type { WorkerSetup } from "./stream.ts";

const { seed, options } = workerData as WorkerSetup;
parentPort?.on("message", (index: number) => {
  const made = sample(seed, index, options);
  // The pixels move instead of being copied.
  parentPort?.postMessage({ index, sample: made }, [made.image.data.buffer as ArrayBuffer]);
});
