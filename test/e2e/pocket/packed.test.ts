import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { load } from "../../../src/chat/load.ts";
import type { Message } from "../../../src/chat/message.ts";
import { openFileSource } from "../../../src/io/node/file-source.ts";
import type { QuantisePreset } from "../../../src/quantize/mixture.ts";
import { fileSink } from "../../../src/quantize/node/file-sink.ts";
import { tokenizerFromJson } from "../../../src/tokenizer/tokenizer-json.ts";
import { writeGgufPair } from "../../../src/train/checkpoint/gguf-pair.ts";
import { writeModelFolder } from "../../../src/train/checkpoint/model-folder.ts";
import { writeTensors } from "../../../src/train/run-folder.ts";
import { openCheckpoint } from "../../../src/weights/open-checkpoint.ts";
import { POCKET, randomWeights, readJson } from "./stand-in.ts";

const PICTURE = new URL("../../../examples/page.png", import.meta.url);
let folder = "";

/** Packs the random checkpoint and gives the folder. */
async function packed(preset: QuantisePreset, name: string = preset): Promise<string> {
  const out = await mkdtemp(join(folder, `${name}-`));
  const checkpoint = await openCheckpoint(await openFileSource(join(folder, "checkpoint")));
  const sinks = {
    language: await fileSink(join(out, "pocket.gguf")),
    vision: await fileSink(join(out, "mmproj-pocket.gguf")),
  };
  try {
    await writeGgufPair(sinks, {
      config: await readJson("config.json"),
      checkpoint,
      preset,
      tokenizer: await readJson("tokenizer.json"),
      tokenizerConfig: await readJson("tokenizer_config.json"),
    });
  } finally {
    await checkpoint.close();
  }
  return out;
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "minicpmv-packed-"));
  const { weights, shapeOf } = await randomWeights(3);
  await writeTensors(join(folder, "checkpoint"), weights, shapeOf);
  const texts: Record<string, string> = {};
  for (const name of ["config.json", "tokenizer.json", "tokenizer_config.json"]) {
    texts[name] = await readFile(join(POCKET, name), "utf8");
  }
  await writeModelFolder(join(folder, "published"), { weights, shapeOf, texts });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function logitsOf(path: string, kernels: "generic" | "tuned"): Promise<Float32Array> {
  await using model = await load(path, { kernels, threads: 1, cacheType: "f32" });
  const messages: readonly Message[] = [{ role: "user", content: [PICTURE, "What is the total?"] }];
  return await model.logits(messages);
}

function normalisedError(actual: Float32Array, truth: Float32Array): number {
  let [error, energy] = [0, 0];
  for (const [i, value] of truth.entries()) {
    error += (actual[i] - value) ** 2;
    energy += value ** 2;
  }
  return error / energy;
}

// would catch: a tensor under another's name, a projection that is not turned round, views of another size, ids that moved
test("the packed pair computes what the checkpoint computes, up to its format", async () => {
  const truth = await logitsOf(join(folder, "published"), "generic");
  expect(normalisedError(await logitsOf(await packed("F16"), "generic"), truth)).toBeLessThan(1e-5);
  const small = await packed("Q8_0");
  expect(normalisedError(await logitsOf(small, "generic"), truth)).toBeLessThan(2e-3);
  // eight bits on both sides of every product
  expect(normalisedError(await logitsOf(small, "tuned"), truth)).toBeLessThan(2e-2);
});

test("the same weights give the same bytes, and the head that only training needs stays behind", async () => {
  const [one, two] = [await packed("Q8_0", "one"), await packed("Q8_0", "two")];
  for (const name of ["pocket.gguf", "mmproj-pocket.gguf"]) {
    expect((await readFile(join(one, name))).equals(await readFile(join(two, name))), name).toBe(true);
    const checkpoint = await openCheckpoint(await openFileSource(join(one, name)));
    expect(checkpoint.names.filter((each) => each.includes("train"))).toEqual([]);
    await checkpoint.close();
  }
});

// would catch: a vocabulary whose words, marks or digits are cut otherwise in the shipped file
test("the packed vocabulary gives the same ids as tokenizer.json", async () => {
  const plain = tokenizerFromJson(await readJson("tokenizer.json"), await readJson("tokenizer_config.json"));
  await using model = await load(await packed("Q8_0"), { threads: 1 });
  for (const text of [
    "What is the total?",
    "12.99<box>612 803 771 826</box>",
    "Zoë's Café\n 1 234,50 €",
    "<|im_end|>",
  ]) {
    for (const parseSpecial of [false, true]) {
      const ids = plain.encode(text, { parseSpecial });
      expect(model.tokenise(text, { parseSpecial }), text).toEqual(ids);
      expect(model.detokenise(ids)).toBe(plain.decode(ids));
    }
  }
});

test("a checkpoint of another model is refused by the weight's name", async () => {
  const { weights, shapeOf } = await randomWeights(3);
  const name = "llm.model.layers.0.mlp.gate_proj.weight";
  await writeTensors(join(folder, "checkpoint"), { ...weights, [name]: new Float32Array(6) }, (each) =>
    each === name ? [2, 3] : shapeOf(each),
  );
  await expect(packed("Q8_0", "wrong")).rejects.toThrow(
    /layers\.0\.mlp\.gate_proj\.weight: expected \[\d+, \d+\], found \[2, 3\]/,
  );
  const { [name]: _, ...rest } = weights;
  await writeTensors(join(folder, "checkpoint"), rest, shapeOf);
  await expect(packed("Q8_0", "gap")).rejects.toThrow(/missing.*llm\.model\.layers\.0\.mlp\.gate_proj/);
  const part = "resampler.attn.k_proj.weight";
  const { [part]: __, ...others } = weights;
  await writeTensors(join(folder, "checkpoint"), others, shapeOf);
  // a stack with a part of zeros would be a model that sees nothing
  await expect(packed("Q8_0", "part")).rejects.toThrow(/Parts of resampler\.attn\.in_proj_weight are missing/);
  await writeFile(join(folder, "checkpoint"), "");
});
