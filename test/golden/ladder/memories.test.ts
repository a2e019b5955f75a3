import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { startNodeWorker } from "../../../src/backend/wasm/start-node-worker.ts";
import { createWasmBackend, type WasmBackendOptions } from "../../../src/backend/wasm/wasm-backend.ts";
import { decodeImage } from "../../../src/image/decode-image.ts";
import { patchify } from "../../../src/image/patchify.ts";
import type { ModelFiles } from "../../../src/model/minicpmv/registry.ts";
import type { Precision } from "../../../src/tensor/backend.ts";
import { dequantise } from "../../../src/weights/quant/dequantise.ts";
import { openPair, written } from "./ask.ts";
import { argmax, cutViews } from "./climb.ts";
import { goldenFile } from "./harness.ts";
import { openModel, SCATTERED } from "./open-model.ts";

const decode = dequantise;
const twoThreads = { startWorker: startNodeWorker, threadCount: 2 };

/** Visual rows, logits after a prompt of two steps, and those of four tokens after it. */
async function bits(
  files: ModelFiles,
  { picture, ...options }: WasmBackendOptions & { readonly picture: string },
  precision: Precision,
): Promise<readonly Float32Array[]> {
  const backend = await createWasmBackend(options);
  using model = await openModel(files, { backend, batch: { views: 1, patches: 1152 }, precision });
  const { image } = await decodeImage(await readFile(picture));
  const views = cutViews(image, model.description.slicing).map((view) => patchify(view));
  const [{ rows, tokenCount }] = await model.vision.encode(views);
  using sequence = model.decoder.open();
  const ids = Array.from({ length: tokenCount + 20 }, (_, i) => 5 + (i % 50));
  const at = Array.from({ length: tokenCount }, (_, i) => 10 + i);
  const results = [rows, await model.decoder.step([{ sequence, ids, visual: { rows, at } }])];
  results.push(await model.decoder.step([{ sequence, ids: [1, 2, 3] }]));
  for (let i = 0; i < 4; i++) {
    const last = results[results.length - 1];
    results.push(await model.decoder.step([{ sequence, ids: [argmax(last)] }]));
  }
  return results;
}

for (const folder of ["v2.5", "v2.6", "v4.5", "v4.6"]) {
  test.each(["float", "integer"] as const)(
    `${folder}: a model over twelve memories gives the bits of one, %s`,
    async (precision) => {
      // catches a value read in the memory it was not copied to, a stale copy, a state apart from its partner, a copy cut wrongly
      const pair = await openPair(folder);
      const files = { language: await written(pair.language, "Q8_0"), vision: pair.vision };
      const picture = goldenFile(folder, "gguf/square.png");
      const one = await bits(files, { decode, picture }, precision);
      expect(one.flatMap((values) => [...values]).every(Number.isFinite)).toBe(true);
      expect(await bits(files, { decode, picture, ...SCATTERED }, precision)).toEqual(one);
      expect(await bits(files, { decode, picture, ...SCATTERED, ...twoThreads }, precision)).toEqual(one);
      expect(await bits(files, { decode, picture, ...twoThreads }, precision)).toEqual(one);
      await Promise.all([pair.language.close(), pair.vision.close()]);
    },
  );
}
