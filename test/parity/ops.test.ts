import { startNodeWorker } from "../../src/backend/wasm/start-node-worker.ts";
import { createWasmBackend } from "../../src/backend/wasm/wasm-backend.ts";
import { dequantise } from "../../src/weights/quant/dequantise.ts";
import { describeOps } from "./op-suite.ts";
import { withWeightsApart } from "./weights-apart.ts";

const decode = dequantise;
const plain = { relaxedSimd: false };
const twoThreads = { startWorker: startNodeWorker, threadCount: 2 };
// beyond 2 GiB an address is a negative argument
const high = { firstAddress: 2 ** 31 + 2 ** 28 };

describeOps({
  relaxed: {
    inline: () => createWasmBackend({ decode, features: { pairs: false } }),
    "inline, pairs": () => createWasmBackend({ decode, features: { pairs: true } }),
    "2 threads": () => createWasmBackend({ decode, ...twoThreads }),
    "weights in another memory": () => withWeightsApart({ decode }),
    "weights in another memory, 2 threads": () => withWeightsApart({ decode, ...twoThreads }),
    "addresses beyond 2 GiB": () => createWasmBackend({ decode, memories: high }),
  },
  plain: {
    inline: () => createWasmBackend({ decode, features: plain }),
    "2 threads": () => createWasmBackend({ decode, ...twoThreads, features: plain }),
  },
});
