// npm run bench -- train [--trial]: a training step on every executor, and what packing is worth.
import { runBench } from "../../scripts/bench-lib.ts";
import { createOnnxBackend } from "../../src/backend/onnx/onnx-backend.ts";
import { createWasmBackend } from "../../src/backend/wasm/wasm-backend.ts";
import { dequantise } from "../../src/weights/quant/dequantise.ts";
import { packingCases, stepCase } from "./cases.ts";

const one = await createOnnxBackend({ decode: dequantise, threadCount: 1 });
const two = await createOnnxBackend({ decode: dequantise, threadCount: 2 });
const wasm = await createWasmBackend({ decode: dequantise });
await runBench("train", [
  [await stepCase(one), await stepCase(two), await stepCase(wasm)],
  [...(await packingCases(one))],
]);
process.exit(process.exitCode ?? 0);
