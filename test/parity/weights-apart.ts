import { createWasmBackend, type WasmBackendOptions } from "../../src/backend/wasm/wasm-backend.ts";
import type { Backend, WeightSource } from "../../src/tensor/backend.ts";

const FILLER_LENGTH = 1024;

/** What fills the first memory, so that every weight after it goes into the second. */
const FILLER: WeightSource = {
  name: "filler",
  type: "F32",
  shape: [FILLER_LENGTH],
  readRows: async () => new Uint8Array(FILLER_LENGTH * 4),
};

/** A backend whose inputs lie in one memory and whose weights lie in another: every op meets the border between them. */
export async function withWeightsApart(options: WasmBackendOptions): Promise<Backend> {
  const memories = { weightBytes: FILLER_LENGTH * 4 };
  const backend = await createWasmBackend({ ...options, memoryCount: 2, memories });
  await backend.upload(FILLER, { precision: "float", uses: ["plain"] });
  return backend;
}
