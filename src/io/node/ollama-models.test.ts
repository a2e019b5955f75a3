import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ArgumentError } from "../../base/errors.ts";
import { FileError } from "../errors.ts";
import { findOllamaModel, listOllamaModels, ollamaFolder } from "./ollama-models.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "minicpmv-ollama-"));
  await mkdir(join(folder, "blobs"));
});
afterEach(() => rm(folder, { recursive: true }));

const digestOf = (letter: string): string => letter.repeat(64);

async function addModel(place: string, layers: Record<string, string>): Promise<void> {
  const manifest = {
    schemaVersion: 2,
    layers: Object.entries(layers).map(([kind, letter]) => ({
      mediaType: `application/vnd.ollama.image.${kind}`,
      digest: `sha256:${digestOf(letter)}`,
      size: 10,
    })),
  };
  const path = join(folder, "manifests", place);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, JSON.stringify(manifest));
  for (const letter of Object.values(layers))
    await writeFile(join(folder, "blobs", `sha256-${digestOf(letter)}`), "0123456789");
}

// The defaults of ollama's names (registry, owner, tag) decide which of several models is meant.
test("names are found with and without host, owner and tag", async () => {
  await addModel("registry.ollama.ai/library/minicpm-v/latest", { model: "a", projector: "b", template: "c" });
  await addModel("registry.ollama.ai/openbmb/minicpm-v4.5/8b", { model: "d", adapter: "e" });
  await addModel("hf.co/openbmb/MiniCPM-V-4_6-gguf/Q4_K_M", { model: "f" });
  const blob = (letter: string): string => join(folder, "blobs", `sha256-${digestOf(letter)}`);
  const first = { language: blob("a"), projector: blob("b"), adapters: [], sizeBytes: 30 };
  expect(await findOllamaModel(folder, "minicpm-v")).toMatchObject(first);
  expect(await findOllamaModel(folder, "library/minicpm-v:latest")).toMatchObject(first);
  const second = { language: blob("d"), projector: undefined, adapters: [blob("e")] };
  expect(await findOllamaModel(folder, "openbmb/minicpm-v4.5:8b")).toMatchObject(second);
  expect(await findOllamaModel(folder, "hf.co/openbmb/MiniCPM-V-4_6-gguf:Q4_K_M")).toMatchObject({
    language: blob("f"),
  });
  expect(await listOllamaModels(folder)).toEqual([
    "hf.co/openbmb/MiniCPM-V-4_6-gguf:Q4_K_M",
    "minicpm-v:latest",
    "openbmb/minicpm-v4.5:8b",
  ]);
});

test("an unknown name lists what is there; an unfinished blob is named", async () => {
  await addModel("registry.ollama.ai/library/minicpm-v/latest", { model: "a" });
  await expect(findOllamaModel(folder, "minicpm-v:q8")).rejects.toThrow(/minicpm-v:latest/);
  await writeFile(join(folder, "blobs", `sha256-${digestOf("a")}`), "012");
  await expect(findOllamaModel(folder, "minicpm-v")).rejects.toThrow(/3 of 10 bytes/);
});

// A manifest is a file anybody may have written: its digests become paths.
test.each([
  "",
  "{",
  "[]",
  "null",
  '{"layers":[null]}',
  '{"layers":[{"digest":"sha256:../../x","mediaType":"m","size":1}]}',
])("manifest %j is a FileError", async (text) => {
  const path = join(folder, "manifests/registry.ollama.ai/library/bad/latest");
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
  await expect(findOllamaModel(folder, "bad")).rejects.toBeInstanceOf(FileError);
});

test.each(["../../etc/passwd", "a/b/c/d", "", "a:b:c", "a/../b"])("name %j is refused", async (name) => {
  await expect(findOllamaModel(folder, name)).rejects.toBeInstanceOf(ArgumentError);
});

test("OLLAMA_MODELS moves the folder", () => {
  expect(ollamaFolder({ OLLAMA_MODELS: "elsewhere" })).toBe("elsewhere");
});
