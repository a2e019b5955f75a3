import { expect, test } from "vitest";
import { bindModel } from "../../../src/model/bind-model.ts";
import { ConfigJson } from "../../../src/model/config-json.ts";
import { decoderGraph } from "../../../src/model/decoder/decoder.ts";
import { describeModel, type ModelFiles } from "../../../src/model/minicpmv/registry.ts";
import { Checkpoint, type CheckpointTensor } from "../../../src/weights/checkpoint.ts";
import { WeightMismatchError } from "../../../src/weights/errors.ts";
import { openGoldenFile, readGolden } from "./harness.ts";

/** A checkpoint with its tensors changed, taken away (undefined) or added. */
function edited(
  checkpoint: Checkpoint,
  change: (tensor: CheckpointTensor) => CheckpointTensor | undefined,
  added: readonly string[] = [],
): Checkpoint {
  const { fileName, container, metadata, names } = checkpoint;
  const tensors = names.flatMap((name) => change(checkpoint.tensor(name)) ?? []);
  const [model] = tensors;
  const extra = added.map((name) => ({ ...model, name }));
  return new Checkpoint({ fileName, container, metadata, tensors: [...tensors, ...extra], sources: [] });
}

async function bind(files: ModelFiles): Promise<void> {
  const description = await describeModel(files);
  const { encoder, decoder } = description;
  const capacity = { tokens: 1, selected: 1, sequences: 1, pagesPerSequence: 1, pageSize: 1, slotCount: 1 };
  bindModel(description, files, {
    vision: [encoder.graph({ views: 1, patches: encoder.patchMultiple })],
    decoder: [decoderGraph(decoder, { ...capacity, cacheType: "f32" })],
  });
}

async function mismatchOf(files: ModelFiles): Promise<WeightMismatchError["mismatch"]> {
  const error = await bind(files).catch((thrown: unknown) => thrown);
  if (error instanceof WeightMismatchError) return error.mismatch;
  throw error;
}

/** Takes away the first tensor that ends in one suffix, reshapes another, retypes a third. */
const GONE = /layers\.1\..*(up_proj|ffn_up)\.weight$|^blk\.1\.ffn_up\.weight$/;
const RESHAPED = /layers\.0\..*down_proj\.weight$|^blk\.0\.ffn_down\.weight$/;
const RETYPED = /layers\.0\.input_layernorm\.weight$|^blk\.0\.attn_norm\.weight$/;

function damage(tensor: CheckpointTensor): CheckpointTensor | undefined {
  if (GONE.test(tensor.name)) return undefined;
  if (RESHAPED.test(tensor.name)) return { ...tensor, shape: [...tensor.shape].reverse() };
  if (RETYPED.test(tensor.name)) return { ...tensor, type: "I32" };
  return tensor;
}

function expectDamageNamed(mismatch: WeightMismatchError["mismatch"], added: string): void {
  expect(mismatch.missing).toEqual([expect.stringMatching(GONE)]);
  expect(mismatch.leftover).toEqual([added]);
  expect(mismatch.wrongShape).toEqual([expect.stringMatching(/down.*: expected \[\d+, \d+\], found \[\d+, \d+\]$/)]);
  expect(mismatch.wrongType).toEqual([expect.stringMatching(/norm\.weight: expected F32 or F16 or BF16, found I32$/)]);
}

for (const folder of ["v1.0", "v2.0", "v2.5", "v2.6", "o2.6", "v4.0", "v4.5", "o4.5", "v4.6"]) {
  test(`${folder}: a gap, a leftover, a wrong shape and a wrong type are reported together`, async () => {
    // catches weights that are silently left at zero, and parts of other models that are silently left out
    await using golden = await readGolden(folder);
    const config = new ConfigJson(golden.config);
    const added = "llm.model.layers.9.self_attn.q_proj.weight";
    expectDamageNamed(await mismatchOf({ config, language: edited(golden.checkpoint, damage, [added]) }), added);
  });
}

for (const folder of ["v2.5", "v2.6", "v4.5", "v4.6"]) {
  test(`${folder}: the same in a GGUF pair, both files at once`, async () => {
    const language = await openGoldenFile(folder, "gguf/model-f16.gguf");
    const vision = await openGoldenFile(folder, "gguf/mmproj-model-f16.gguf");
    const files = {
      language: edited(language, damage),
      vision: edited(vision, (tensor) => tensor, ["v.blk.99.ln1.bias"]),
    };
    expectDamageNamed(await mismatchOf(files), "v.blk.99.ln1.bias");
    await Promise.all([language.close(), vision.close()]);
  });
}

test.each(["o2.6", "o4.5"])("%s: audio and speech parts are left out without a word", async (folder) => {
  // the published files hold hundreds of them
  await using golden = await readGolden(folder);
  const audio = ["apm.conv1.weight", "audio_projection_layer.linear1.weight", "tts.emb_text.weight"];
  const language = edited(golden.checkpoint, (tensor) => tensor, audio);
  await bind({ config: new ConfigJson(golden.config), language });
});
