import { expect, test } from "vitest";
import { startWebWorker } from "../../../src/backend/wasm/start-web-worker.ts";
import { createWasmBackend } from "../../../src/backend/wasm/wasm-backend.ts";
import { dequantise } from "../../../src/weights/quant/dequantise.ts";
import { describeOps } from "../../parity/op-suite.ts";
import { withWeightsApart } from "../../parity/weights-apart.ts";

// bug: without isolation there is no shared memory, and the threaded half of what follows would prove nothing
test("the page is cross-origin isolated", () => {
  expect(globalThis.crossOriginIsolated).toBe(true);
});

const decode = dequantise;

describeOps({
  relaxed: {
    "single-threaded": () => createWasmBackend({ decode, features: { pairs: false } }),
    "2 threads": () =>
      createWasmBackend({ decode, startWorker: startWebWorker, threadCount: 2, features: { pairs: true } }),
    "weights in another memory, 2 threads": () =>
      withWeightsApart({ decode, startWorker: startWebWorker, threadCount: 2 }),
  },
});
