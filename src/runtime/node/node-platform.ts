import { availableParallelism, freemem, totalmem } from "node:os";
import { startNodeWorker } from "../../backend/wasm/start-node-worker.ts";
import { nodeImageDecoders } from "../../image/node/node-image-decoders.ts";
import { openSource } from "../../io/node/open-source.ts";
import { processPeakBytes } from "../../io/node/process-peak.ts";
import type { Platform } from "../platform.ts";
import { recallNote, rememberNote } from "./device-notes.ts";
import { locateModel } from "./locate-model.ts";

/** Share of free memory that a model may take. */
const FREE_SHARE = 0.9;

/** Node: threads, files, the caches of Hugging Face and ollama. */
export function nodePlatform(): Platform {
  return {
    kind: "node",
    startWorker: startNodeWorker,
    coreCount: availableParallelism(),
    // free memory leaves out what the system holds as file cache, so half of the whole counts as free too
    memoryBytes: Math.floor(FREE_SHARE * Math.max(freemem(), totalmem() / 2)),
    processPeakBytes,
    imageDecoders: nodeImageDecoders(),
    nowMs: () => performance.now(),
    recall: recallNote,
    remember: rememberNote,
    open: (where, signal) => openSource(where, {}, signal),
    locate: (reference, options) => locateModel(reference, options),
  };
}
