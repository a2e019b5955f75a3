import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { startNodeWorker } from "../../../src/backend/wasm/start-node-worker.ts";
import { createWasmBackend } from "../../../src/backend/wasm/wasm-backend.ts";
import { decodeImage } from "../../../src/image/decode-image.ts";
import { patchify } from "../../../src/image/patchify.ts";
import { slicePlan } from "../../../src/image/slice-plan.ts";
import { sliceViews } from "../../../src/image/views.ts";
import { ConfigJson } from "../../../src/model/config-json.ts";
import { decoderGraph } from "../../../src/model/decoder/decoder.ts";
import { describeV26 } from "../../../src/model/minicpmv/v2-6.ts";
import { bindWeights } from "../../../src/model/weight-binding.ts";
import { DecoderRunner } from "../../../src/runtime/decoder-runner.ts";
import { VisionRunner } from "../../../src/runtime/vision-runner.ts";
import type { Backend, ResidentWeight } from "../../../src/tensor/backend.ts";
import { oracleBackend } from "../../../src/tensor/oracle-backend.ts";
import { weightUses } from "../../../src/tensor/weight-uses.ts";
import { dequantise } from "../../../src/weights/quant/dequantise.ts";
import { WeightReader } from "../../../src/weights/weight-reader.ts";
import { goldenFile, nmse, pickRows, readGolden, readTap, sha256 } from "./harness.ts";

const LIMIT = 1e-9;

const BACKENDS: Readonly<Record<string, () => Promise<Backend>>> = {
  oracle: async () => oracleBackend(dequantise),
  "wasm, inline": () => createWasmBackend({ decode: dequantise }),
  "wasm, 2 threads": () => createWasmBackend({ decode: dequantise, startWorker: startNodeWorker, threadCount: 2 }),
};

const RUNS = Object.keys(BACKENDS).flatMap((backend) => ["small", "landscape"].map((name) => [backend, name] as const));

for (const [backendName, name] of RUNS) {
  test(`2.6 gives the official stages and tokens: ${name} on ${backendName}`, async () => {
    const golden = await readGolden("v2.6");
    const wanted = golden.cases[name];
    const model = describeV26(new ConfigJson(golden.config));
    const batch = { views: 1, patches: 1100 };
    const capacity = {
      tokens: 1,
      selected: 1,
      sequences: 2,
      pagesPerSequence: 8,
      pageSize: 64,
      slotCount: 64,
      cacheType: "f32",
    } as const;
    const reader = new WeightReader(golden.checkpoint);
    const graphs = [model.encoder.graph(batch), decoderGraph(model.decoder, capacity)];
    const sources = bindWeights(graphs, {
      reader,
      naming: model.languageNaming,
      computed: model.computed,
    });
    reader.ignore(model.ignored);
    reader.finish();
    using backend = await BACKENDS[backendName]();
    const uses = weightUses(graphs);
    const weights: Record<string, ResidentWeight> = {};
    for (const [weight, source] of sources)
      weights[weight] = await backend.upload(source, { precision: "float", uses: uses[weight] });

    const [file] = wanted.files;
    const { image } = await decodeImage(await readFile(goldenFile("v2.6", file)));
    const views = sliceViews(image, slicePlan(image, { granule: 14, maxSlices: 9 }));
    for (const [i, view] of views.entries()) expect(sha256(view.data)).toBe(wanted.images[0].views[i].sha256);

    const blocks = model.encoder.config.layerCount;
    const stageOf: Record<string, string> = {
      "vision.embeddings": "embeddings",
      "vision.norm": "post_norm",
      resampler: "resampler",
    };
    for (let i = 0; i < blocks; i++) stageOf[`vision.${i}`] = `block${i}`;
    using vision = new VisionRunner({ encoder: model.encoder, backend, weights, batch, taps: Object.keys(stageOf) });
    const rows: Float32Array[] = [];
    for (const [i, view] of views.entries()) {
      const traced = await vision.trace([patchify(view)]);
      for (const [tap, stage] of Object.entries(stageOf)) {
        const key = `${name}.view${i}.${stage}`;
        const expected = await readTap(golden.taps, key);
        expect(nmse(pickRows(traced[tap], golden.stages[key]), expected), key).toBeLessThan(LIMIT);
      }
      rows.push(traced.visual as Float32Array);
    }

    using decoder = new DecoderRunner({
      config: model.decoder,
      backend,
      weights,
      contextLength: 512,
      cacheType: "f32",
      capacities: [1, 512],
    });
    const sequence = decoder.open();
    const ids = await readTap(golden.taps, `${name}.input_ids`);
    const at = wanted.imageBounds.flatMap(([begin, end]) => Array.from({ length: end - begin }, (_, i) => begin + i));
    const joined = new Float32Array(rows.reduce((sum, r) => sum + r.length, 0));
    rows.reduce((offset, r) => {
      joined.set(r, offset);
      return offset + r.length;
    }, 0);
    let logits = await decoder.step([{ sequence, ids, visual: { rows: joined, at } }]);
    expect(nmse(logits, await readTap(golden.taps, `${name}.logits_last`))).toBeLessThan(LIMIT);
    const tokens: number[] = [];
    for (let i = 0; i < 64; i++) {
      const best = logits.reduce((top, v, index) => (v > logits[top] ? index : top), 0);
      tokens.push(best);
      logits = await decoder.step([{ sequence, ids: [best] }]);
    }
    expect(tokens).toEqual(wanted.greedyTokens);
  });
}
