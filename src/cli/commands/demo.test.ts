import { expect, test } from "vitest";
import { createWasmBackend } from "../../backend/wasm/wasm-backend.ts";
import { dequantise } from "../../weights/quant/dequantise.ts";
import { newerEngine } from "./demo.ts";

// bug: an old engine that is slow without a word, or a new one told to be renewed; the backend's own wording decides
test("only an engine without relaxed SIMD is told what a newer one gains", async () => {
  using plain = await createWasmBackend({ decode: dequantise, features: { relaxedSimd: false } });
  expect(newerEngine(plain.info.description).join()).toMatch(/Node 22 or newer/);
  using relaxed = await createWasmBackend({ decode: dequantise, features: { relaxedSimd: true } });
  expect(newerEngine(relaxed.info.description)).toEqual([]);
});
