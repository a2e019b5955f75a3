import { availableParallelism } from "node:os";
import { createOnnxBackend } from "../backend/onnx/onnx-backend.ts";
import { startNodeWorker } from "../backend/wasm/start-node-worker.ts";
import { createWasmBackend } from "../backend/wasm/wasm-backend.ts";
import { UnsupportedError } from "../base/errors.ts";
import type { Backend } from "../tensor/backend.ts";
import { dequantise } from "../weights/quant/dequantise.ts";
import { count } from "./model-flags.ts";

/** The backend that trains: onnxruntime where it is installed, unless the user chose. Throws UsageError, UnsupportedError. */
export async function trainingBackend(
  kind: "auto" | "onnx" | "wasm",
  threads: string | undefined,
  note: (text: string) => void,
): Promise<Backend> {
  const threadCount =
    threads === undefined || threads === "auto" ? availableParallelism() : count(threads, "--threads");
  if (kind === "wasm") return createWasmBackend({ decode: dequantise, startWorker: startNodeWorker, threadCount });
  try {
    return await createOnnxBackend({ decode: dequantise, threadCount });
  } catch (error) {
    if (kind === "onnx" || !(error instanceof UnsupportedError)) throw error;
    note(`${error.message} Until then the WebAssembly backend trains, several times slower.`);
    return createWasmBackend({ decode: dequantise, startWorker: startNodeWorker, threadCount });
  }
}
