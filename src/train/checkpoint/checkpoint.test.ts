import { mkdtemp, open, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { seededRandom } from "../../base/random.ts";
import { openFileSource } from "../../io/node/file-source.ts";
import { hfNaming } from "../../model/naming/hf.ts";
import type { OpenForWriting } from "../../quantize/node/file-sink.ts";
import { openCheckpoint } from "../../weights/open-checkpoint.ts";
import { CheckpointMismatchError } from "../errors.ts";
import { initialiseLora, isLoraTrainable, type LoraOptions, withLora } from "../lora.ts";
import { loadRun, type RunState, saveRun } from "../run-folder.ts";
import { TINY, TINY_SHAPE, tinyWeights } from "../testing/tiny-model.ts";
import { trainingGraph } from "../training-graph.ts";
import { readPublished, writeModelFolder } from "./model-folder.ts";
import { adapterWeights, readAdapter, writeAdapter } from "./peft.ts";

const LORA: LoraOptions = {
  rank: 2,
  alpha: 4,
  targets: /llm\..*layers\.\d+\.self_attn\.(q_proj|v_proj)/,
  modulesToSave: ["embed_tokens", "resampler"],
  dropout: 0.25,
};
const GRAPH = withLora(trainingGraph(TINY, { shape: TINY_SHAPE, parts: "text" }), LORA);
const shapeOf = (name: string): readonly number[] => GRAPH.values[GRAPH.weights[name]].dims.map((d) => d.capacity);
const BASE = trainingGraph(TINY, { shape: TINY_SHAPE, parts: "text" });
const NAMES = Object.keys(BASE.weights).filter((name) => !name.startsWith("computed."));

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "train-checkpoint-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** A disk that takes `bytes` and then is full. */
function smallDisk(bytes: number): OpenForWriting {
  let left = bytes;
  return async (path) => {
    const handle = await open(path, "wx");
    return {
      write: async (...args: Parameters<typeof handle.write>) => {
        left -= (args[0] as unknown as Uint8Array).length;
        if (left < 0) throw Object.assign(new Error("disk full"), { code: "ENOSPC" });
        return handle.write(...args);
      },
      sync: () => handle.sync(),
      close: () => handle.close(),
    } as Awaited<ReturnType<OpenForWriting>>;
  };
}

describe("a model folder", () => {
  // would catch: q, k, v stacked in the wrong order, a tensor under a name that no peer knows
  test("holds the published names and gives the weights back", async () => {
    const weights = tinyWeights(BASE);
    const target = join(folder, "model");
    await writeModelFolder(target, { weights, shapeOf, texts: { "config.json": "{}" } });
    const checkpoint = await openCheckpoint(await openFileSource(join(target, "model.safetensors")));
    expect(checkpoint.tensor("resampler.attn.in_proj_weight").shape).toEqual([96, 32]);
    expect(checkpoint.tensor("vpm.embeddings.patch_embedding.weight").shape).toEqual([16, 3, 14, 14]);
    await checkpoint.close();
    const read = await readPublished(join(target, "model.safetensors"), NAMES, { shapeOf, naming: hfNaming });
    for (const name of NAMES) expect(read[name], name).toEqual(weights[name]);
  });

  test("of another model is refused by the tensor's name", async () => {
    const target = join(folder, "model");
    await writeModelFolder(target, { weights: tinyWeights(BASE), shapeOf, texts: {} });
    const wider = (name: string): readonly number[] => shapeOf(name).map((n) => (n === 48 ? 64 : n));
    const read = readPublished(join(target, "model.safetensors"), NAMES, { shapeOf: wider, naming: hfNaming });
    await expect(read).rejects.toThrow(/llm\.model\.layers\.0\.mlp\.gate_proj\.weight is \[48,32\].*\[64,32\]/);
    await expect(read).rejects.toBeInstanceOf(CheckpointMismatchError);
  });

  // would catch: a good model deleted before its successor is whole
  test("stays as it was when the disk is full", async () => {
    const target = join(folder, "model");
    await writeModelFolder(target, { weights: tinyWeights(BASE, 1), shapeOf, texts: {} });
    const before = await readFile(join(target, "model.safetensors"));
    const next = { weights: tinyWeights(BASE, 2), shapeOf, texts: {} };
    await expect(writeModelFolder(target, next, { open: smallDisk(5000) })).rejects.toThrow(/ENOSPC.*disk is full/);
    expect(await readFile(join(target, "model.safetensors"))).toEqual(before);
    expect(await readdir(folder)).toEqual(["model"]);
  });
});

describe("a run folder", () => {
  const state = (seed: number): RunState => {
    const random = seededRandom(seed);
    const weights = { a: Float32Array.from({ length: 6 }, () => random.normal()) };
    const moments = { a: { first: weights.a.map((v) => v / 2), second: weights.a.map((v) => v * v) } };
    return { weights, moments, average: { a: weights.a.slice() }, progress: { step: seed } };
  };
  const shape = (): readonly number[] => [2, 3];

  test("gives back what was saved last", async () => {
    for (const seed of [1, 2, 3]) await saveRun(folder, state(seed), shape);
    expect(await loadRun(folder)).toEqual(state(3));
  });

  // would catch: progress that points at files that were never finished
  test("keeps the last state wherever in a save the disk fills up", async () => {
    await saveRun(folder, state(1), shape);
    for (let bytes = 0; bytes < 1200; bytes += 37) {
      const saved = await saveRun(folder, state(2), shape, { open: smallDisk(bytes) }).then(
        () => true,
        () => false,
      );
      expect(await loadRun(folder), `${bytes} bytes`).toEqual(state(saved ? 2 : 1));
      if (saved) await saveRun(folder, state(1), shape);
    }
  });
});

describe("an adapter folder", () => {
  test("passes through PEFT's files unchanged", async () => {
    const weights = { ...tinyWeights(BASE), ...initialiseLora(GRAPH, 5) };
    const target = join(folder, "adapter");
    await writeAdapter(target, { weights, shapeOf, options: LORA, baseModel: "tiny" });
    const adapter = await readAdapter(target);
    expect(adapter.options).toEqual(LORA);
    expect(Object.keys(adapter.tensors)).toContain("llm.model.layers.0.self_attn.q_proj.lora_A.weight");
    expect(Object.keys(adapter.tensors)).toContain("resampler.attn.in_proj_weight");
    const names = Object.keys(GRAPH.weights).filter((name) => isLoraTrainable(name, LORA));
    const read = adapterWeights(adapter, names, { shapeOf });
    const saved = names.filter((name) => !name.startsWith("computed."));
    expect(Object.keys(read).sort()).toEqual(saved.sort());
    for (const name of saved) expect(read[name], name).toEqual(weights[name]);
  });

  // would catch: a DoRA or rsLoRA adapter merged with the wrong scale and no word said
  test.each([
    ["use_dora", true],
    ["use_rslora", true],
    ["rank_pattern", { q_proj: 4 }],
    ["bias", "all"],
  ])("with %s is refused", async (field, value) => {
    const target = join(folder, "adapter");
    await writeAdapter(target, { weights: initialiseLora(GRAPH, 5), shapeOf, options: LORA, baseModel: "tiny" });
    const path = join(target, "adapter_config.json");
    const config = { ...JSON.parse(await readFile(path, "utf8")), [field]: value };
    await rm(path);
    const handle = await open(path, "w");
    await handle.writeFile(JSON.stringify(config));
    await handle.close();
    await expect(readAdapter(target)).rejects.toThrow(new RegExp(field));
  });
});
