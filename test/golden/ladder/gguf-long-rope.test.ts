import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { decodeImage } from "../../../src/image/decode-image.ts";
import { patchify } from "../../../src/image/patchify.ts";
import { bindModel } from "../../../src/model/bind-model.ts";
import { ConfigJson } from "../../../src/model/config-json.ts";
import { decoderGraph } from "../../../src/model/decoder/decoder.ts";
import { exportedTensor, type RowOrder } from "../../../src/model/export/exported-tensor.ts";
import { type GgufEntries, text } from "../../../src/model/export/metadata-values.ts";
import { languageMetadata, visionMetadata } from "../../../src/model/export/model-metadata.ts";
import { describeModel, type ModelFiles } from "../../../src/model/minicpmv/registry.ts";
import { ggufLanguageNaming, ggufVisionNaming } from "../../../src/model/naming/gguf.ts";
import type { WeightSource } from "../../../src/tensor/backend.ts";
import { Checkpoint, type CheckpointTensor } from "../../../src/weights/checkpoint.ts";
import { Metadata } from "../../../src/weights/metadata.ts";
import { cutViews } from "./climb.ts";
import { type Golden, goldenFile, nmse, readGolden, readTap } from "./harness.ts";
import { BACKENDS, openModel } from "./open-model.ts";

function file(fileName: string, tensors: readonly CheckpointTensor[], entries: GgufEntries): Checkpoint {
  const metadata = new Metadata(fileName, new Map(entries));
  return new Checkpoint({ fileName, container: "gguf", metadata, tensors, sources: [] });
}

function vector(name: string, values: readonly number[]): CheckpointTensor {
  const readRows = async () => new Uint8Array(Float32Array.from(values).buffer);
  const shape = [values.length];
  return exportedTensor({ name, shape, order: { kind: "same" }, source: { name, type: "F32", shape, readRows } });
}

/** 4.0 as llama.cpp's converter lays it out; no published or recorded pair was at hand. */
async function asGguf(golden: Golden): Promise<ModelFiles> {
  const config = new ConfigJson(golden.config);
  const description = await describeModel({ config, language: golden.checkpoint });
  const { encoder, decoder } = description;
  const capacity = { tokens: 1, selected: 1, sequences: 1, pagesPerSequence: 1, pageSize: 1, slotCount: 1 };
  const graphs = {
    vision: [encoder.graph({ views: 1, patches: 1 })],
    decoder: [decoderGraph(decoder, { ...capacity, cacheType: "f32" })],
  };
  const weights = bindModel(description, { language: golden.checkpoint }, graphs);
  const convert = (
    sources: ReadonlyMap<string, WeightSource>,
    naming: ReturnType<typeof ggufVisionNaming>,
    orderOf: (name: string) => RowOrder,
  ) =>
    [...sources].flatMap(([name, source]) => {
      const place = naming(name, source.shape);
      if (place === undefined) return [];
      const { shape = source.shape } = place;
      return [exportedTensor({ name: place.name, shape, order: orderOf(name), source })];
    });
  const language = convert(weights.decoder, ggufLanguageNaming("llama"), (name) => {
    const rotated = /\.([qk])_proj\./.exec(name);
    if (rotated === null) return { kind: "same" };
    return { kind: "interleaved", headCount: rotated[1] === "q" ? decoder.headCount : decoder.groupCount };
  });
  const vision = convert(weights.vision, ggufVisionNaming({ isSwapped: true }), (name) => ({
    kind: name === "resampler.proj" ? "transposed" : "same",
  }));
  const factors = config.object("rope_scaling").numbers("long_factor");
  const tensors = [
    ...language,
    vector("rope_factors_long.weight", factors),
    vector("rope_factors_short.weight", factors),
  ];
  const facts = {
    projector: { type: "resampler", number: 5 },
    queryCount: 64,
    modelWidth: decoder.width,
    insertLayer: () => 0,
    resolution: 448,
  } as const;
  return {
    language: file("llm.gguf", tensors, [
      ["general.architecture", text("llama")],
      ...languageMetadata("llama", decoder, config.number("rope_theta")),
    ]),
    vision: file("mmproj.gguf", vision, [
      ["general.architecture", text("clip")],
      ...visionMetadata(encoder.config, facts),
    ]),
  };
}

test("v4.0 under GGUF names, with LongRoPE tensors and wide attention, gives the official logits", async () => {
  // catches divisors that are not read, and heads permuted by the model's width instead of the attention's
  await using golden = await readGolden("v4.0");
  const backend = await BACKENDS["wasm, inline"]();
  using model = await openModel(await asGguf(golden), { backend, batch: { views: 3, patches: 3200 } });
  expect(model.description.version).toBe("4.0");
  const { image } = await decodeImage(await readFile(goldenFile("v4.0", "landscape.png")));
  const views = cutViews(image, model.description.slicing).map((view) => patchify(view));
  const encoded = await model.vision.encode(views);
  const ids = await readTap(golden.taps, "landscape.input_ids");
  const bounds = await readTap(golden.taps, "landscape.image_bounds");
  using sequence = model.decoder.open();
  const rows = Float32Array.from(encoded.flatMap((view) => Array.from(view.rows)));
  const at = encoded.flatMap(({ tokenCount }, i) => Array.from({ length: tokenCount }, (_, j) => bounds[2 * i] + j));
  const logits = await model.decoder.step([{ sequence, ids, visual: { rows, at } }]);
  expect(nmse(logits, await readTap(golden.taps, "landscape.logits_last"))).toBeLessThan(1e-9);
});
