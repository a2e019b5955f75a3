// Trains the tiny recipe in a process of its own, to be killed. usage: node train-child.ts FOLDER onnx|wasm
import { join } from "node:path";
import { createOnnxBackend } from "../../backend/onnx/onnx-backend.ts";
import { createWasmBackend } from "../../backend/wasm/wasm-backend.ts";
import { dequantise } from "../../weights/quant/dequantise.ts";
import { runTraining } from "../run/run-training.ts";
import { TINY_RECIPE, tinyParts } from "./tiny-recipe.ts";

const [folder, kind] = process.argv.slice(2);
const backend =
  kind === "onnx"
    ? await createOnnxBackend({ decode: dequantise, threadCount: 1 })
    : await createWasmBackend({ decode: dequantise });
// every step is saved, so that most kills fall into a save
await runTraining(TINY_RECIPE, {
  folder,
  backend,
  samples: tinyParts,
  lockPath: join(folder, "..", "lock"),
  saveEveryMs: 0,
  onStep: ({ step }) => process.send?.(step),
});
process.exit(0);
