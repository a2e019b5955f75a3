import { afterAll, beforeAll, expect, test } from "vitest";
import { WeightTypeError } from "../../src/backend/wasm/errors.ts";
import { createWasmBackend } from "../../src/backend/wasm/wasm-backend.ts";
import { seededRandom } from "../../src/base/random.ts";
import type { Backend, Precision, WeightSource, WeightUse } from "../../src/tensor/backend.ts";
import { STORAGE_BLOCKS, type StorageType } from "../../src/tensor/dtype.ts";
import { randomStored } from "../../src/tensor/testing/random-stored.ts";
import { dequantise } from "../../src/weights/quant/dequantise.ts";

let backend: Backend;
beforeAll(async () => {
  backend = await createWasmBackend({ decode: dequantise });
});
afterAll(() => backend[Symbol.dispose]());

const [OUT, INTO] = [4096, 512];

function source(type: StorageType, onRead: (bytes: number) => void = () => {}): WeightSource {
  const stored = randomStored(type, OUT * INTO, seededRandom(1));
  const rowBytes = stored.length / OUT;
  const readRows = async (begin: number, end: number) => {
    onRead((end - begin) * rowBytes);
    return stored.slice(begin * rowBytes, end * rowBytes);
  };
  return { name: type, type, shape: [OUT, INTO], readRows };
}

const KEPT: readonly StorageType[] = ["F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_K", "Q5_K", "Q6_K"];
const PRECISIONS: readonly Precision[] = ["float", "integer"];
const USES: readonly (readonly WeightUse[])[] = [["linear"], ["table"], ["linear", "table"]];

// bugs: a format that is expanded on the way in, a tied embedding that is held twice
test.each(KEPT)("a %s weight takes no more memory than in its file, tied or not", async (type) => {
  const stored = (OUT * INTO * STORAGE_BLOCKS[type].bytes) / STORAGE_BLOCKS[type].elements;
  for (const precision of PRECISIONS) {
    for (const uses of USES) {
      using weight = await backend.upload(source(type), { precision, uses });
      // float32 heads are tied in tests and training alone: their rows are kept beside the panels
      const copies = type === "F32" && uses.length > 1 ? 2 : 1;
      expect(weight.residentBytes, `${precision}, ${uses}`).toBeLessThanOrEqual(stored * copies);
    }
  }
});

// bug: the whole tensor is read at once, and for a moment held twice
test("a weight is read in pieces", async () => {
  const reads: number[] = [];
  using weight = await backend.upload(
    source("F16", (bytes) => reads.push(bytes)),
    { precision: "integer", uses: ["linear"] },
  );
  const stored = OUT * INTO * 2;
  expect(reads.reduce((sum, bytes) => sum + bytes, 0)).toBe(stored);
  expect(Math.max(...reads)).toBeLessThanOrEqual(stored / 2);
  expect(weight.residentBytes).toBeLessThan(stored * 0.6);
});

// bug: a type from a newer file falls through to another's kernel
test("a type that nothing here knows is a typed error", async () => {
  const unknown: string = "IQ1_S";
  const wrong: WeightSource = { ...source("Q8_0"), type: unknown as StorageType };
  await expect(backend.upload(wrong, { precision: "float", uses: ["linear"] })).rejects.toThrow(WeightTypeError);
});
