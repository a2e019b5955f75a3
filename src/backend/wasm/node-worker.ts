import { parentPort, workerData } from "node:worker_threads";
import { serve, type WorkerStart } from "./worker-loop.ts";

serve(workerData as WorkerStart, (message) => parentPort?.postMessage(message));
