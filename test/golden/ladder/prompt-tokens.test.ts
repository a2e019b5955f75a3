import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { imagePlaceholder, type SpatialSchema } from "../../../src/chat/placeholders.ts";
import { decodeImage } from "../../../src/image/decode-image.ts";
import { patchGrid } from "../../../src/image/patchify.ts";
import { slicePlan } from "../../../src/image/slice-plan.ts";
import { describeModel } from "../../../src/model/minicpmv/registry.ts";
import type { ModelDescription } from "../../../src/model/minicpmv/version.ts";
import { ggufVocabulary } from "../../../src/tokenizer/gguf-vocabulary.ts";
import { tokenizerFromGguf } from "../../../src/tokenizer/tokenizer-gguf.ts";
import type { Checkpoint } from "../../../src/weights/checkpoint.ts";
import { goldenFile, openGoldenFile, readJson } from "./harness.ts";

interface LlamaCounts {
  readonly prompt: string;
  readonly promptTokens: number;
  readonly landscapePromptTokens: number;
}

const SCHEMAS: Readonly<Record<string, SpatialSchema>> = {
  "v2.5": "nested",
  "v2.6": "flat",
  "v4.5": "flat",
  "v4.6": "padded",
};

/** A metadata value as the tokenizer layer takes it. */
function readKey({ metadata }: Checkpoint, key: string): unknown {
  const entry = metadata.values.get(key);
  if (entry === undefined || entry.type !== "array") return entry?.value;
  return entry.array.type === "string" ? entry.array.values.toArray() : entry.array.values;
}

/** The placeholder of a picture, as the version cuts it, without an image id. */
async function placeholder(file: string, schema: SpatialSchema, description: ModelDescription): Promise<string> {
  const { image } = await decodeImage(await readFile(file));
  if (description.slicing.kind === "fixed") throw new Error("No GGUF pair is of a version without slices.");
  const plan = slicePlan(image, description.slicing);
  const slice = plan.sliced?.slice;
  const grid = plan.sliced?.grid;
  const slices =
    slice === undefined || grid === undefined ? [] : Array.from({ length: grid.columns * grid.rows }, () => slice);
  const viewTokenCounts = [plan.overview, ...slices].map((view) => description.encoder.tokensPerView(patchGrid(view)));
  return imagePlaceholder(schema, { viewTokenCounts, grid }, 0, { usesImageIds: false });
}

for (const [folder, schema] of Object.entries(SCHEMAS)) {
  test(`${folder}: prompts have as many tokens as in llama.cpp, with and without slices`, async () => {
    // catches a lost marker, a wrong slice count and a tokenizer that splits special tokens
    const llama = await readJson<LlamaCounts>(folder, "gguf/llama-node.json");
    const language = await openGoldenFile(folder, "gguf/model-f16.gguf");
    const vision = await openGoldenFile(folder, "gguf/mmproj-model-f16.gguf");
    const description = await describeModel({ language, vision });
    const tokenizer = tokenizerFromGguf(ggufVocabulary((key) => readKey(language, key)));
    await Promise.all([language.close(), vision.close()]);
    const count = async (file: string): Promise<number> => {
      const picture = await placeholder(goldenFile(folder, file), schema, description);
      return tokenizer.encode(llama.prompt.replace("<__media__>", picture), { parseSpecial: true }).length;
    };
    expect(await count("gguf/square.png")).toBe(llama.promptTokens);
    expect(await count("landscape.png")).toBe(llama.landscapePromptTokens);
  });
}
