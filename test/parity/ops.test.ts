import { startNodeWorker } from "../../src/backend/wasm/start-node-worker.ts";
import { createWasmBackend } from "../../src/backend/wasm/wasm-backend.ts";
import { dequantise } from "../../src/weights/quant/dequantise.ts";
import { describeOps } from "./op-suite.ts";

const decode = dequantise;
const plain = { relaxedSimd: false };
const twoThreads = { startWorker: startNodeWorker, threadCount: 2 };

describeOps({
  relaxed: {
    inline: () => createWasmBackend({ decode }),
    "2 threads": () => createWasmBackend({ decode, ...twoThreads }),
  },
  plain: {
    inline: () => createWasmBackend({ decode, features: plain }),
    "2 threads": () => createWasmBackend({ decode, ...twoThreads, features: plain }),
  },
});
