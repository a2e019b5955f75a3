// npm run bench -- train [--trial]: a training step on every executor, and what packing is worth.
import { runBench } from "../../scripts/bench-lib.ts";
import { createOnnxBackend } from "../../src/backend/onnx/onnx-backend.ts";
import { createWasmBackend } from "../../src/backend/wasm/wasm-backend.ts";
import { isTrainingRunning } from "../../src/train/run/training-lock.ts";
import { dequantise } from "../../src/weights/quant/dequantise.ts";
import { packingCases, stepCase } from "./cases.ts";

if (await isTrainingRunning()) {
  console.error("A training runs on this machine. Wait until it has ended.");
  process.exit(2);
}
const one = await createOnnxBackend({ decode: dequantise, threadCount: 1 });
const two = await createOnnxBackend({ decode: dequantise, threadCount: 2 });
const wasm = await createWasmBackend({ decode: dequantise });
await runBench("train", [
  [await stepCase(one), await stepCase(two), await stepCase(wasm)],
  [...(await packingCases(one))],
]);
process.exit(process.exitCode ?? 0);
