import { expect, test } from "vitest";
import { ConfigJson } from "../config-json.ts";
import { fakeCheckpoint } from "../testing/fake-checkpoint.ts";
import { detectGguf } from "./detect-gguf.ts";
import { detectHf } from "./detect-hf.ts";
import { describeModel } from "./registry.ts";

const timm = fakeCheckpoint({ container: "safetensors", tensors: { "vpm.pos_embed": [1, 729, 8] } });
const plain = fakeCheckpoint({ container: "safetensors", fileName: "MiniCPM-V-2_6.safetensors" });

test.each([
  [{ model_type: "minicpmv" }, timm, "1.0"],
  [{ model_type: "minicpmv", slice_mode: true }, timm, "2.0"],
  [{ model_type: "minicpmv", version: "2.5" }, plain, "2.5"],
  [{ model_type: "minicpmv", query_num: 96 }, plain, "2.5"],
  [{ model_type: "minicpmv", version: 2.6 }, plain, "2.6"],
  [{ model_type: "minicpmv", version: 4 }, plain, "4.0"],
  [{ model_type: "minicpmv", version: "4.5" }, plain, "4.5"],
  [{ model_type: "minicpmo", version: "2.6" }, plain, "o-2.6"],
  [{ model_type: "minicpmo", version: 4.5 }, plain, "o-4.5"],
  [{ model_type: "minicpmv4_6" }, plain, "4.6"],
])("config %j is found out", (config, checkpoint, version) => {
  // the file is called 2_6 on purpose: a name must not decide
  expect(detectHf(new ConfigJson(config), checkpoint)).toBe(version);
});

test("an unknown config.json is named with what was found", () => {
  // a guess would load weights into the wrong model text
  expect(() => detectHf(new ConfigJson({ model_type: "minicpmv", version: 3.1 }), plain)).toThrow(
    /model_type "minicpmv" and version 3\.1/,
  );
  expect(() => detectHf(new ConfigJson({ model_type: "qwen2_vl" }), plain)).toThrow(/"qwen2_vl" and version \(none\)/);
});

const language = (architecture: string, name = "x") =>
  fakeCheckpoint({ fileName: "llm.gguf", metadata: { "general.architecture": architecture, "general.name": name } });
const projector = (metadata: Readonly<Record<string, number | string | boolean>>) =>
  fakeCheckpoint({ fileName: "mmproj.gguf", metadata: { "general.architecture": "clip", ...metadata } });
const resampler = (version: number) =>
  projector({ "clip.projector_type": "resampler", "clip.minicpmv_version": version });

test.each([
  ["llama", resampler(2), "2.5"],
  ["llama", projector({ "clip.has_minicpmv_projector": true }), "2.5"],
  ["qwen2", resampler(3), "2.6"],
  ["qwen2", resampler(4), "o-2.6"],
  ["llama", resampler(5), "4.0"],
  ["qwen3", resampler(100045), "4.5"],
  ["qwen35", projector({ "clip.projector_type": "minicpmv4_6" }), "4.6"],
])("a %s model with its projector is found out", (architecture, vision, version) => {
  expect(detectGguf(language(architecture), vision)).toBe(version);
});

test("4.5 and o-4.5, which share a projector number, are told apart by general.name", () => {
  const named = fakeCheckpoint({
    metadata: {
      "general.architecture": "clip",
      "general.name": "MiniCPM-o-4_5",
      "clip.projector_type": "resampler",
      "clip.minicpmv_version": 100045,
    },
  });
  expect(detectGguf(language("qwen3"), named)).toBe("o-4.5");
});

test("a missing, foreign or swapped projector is named", () => {
  // people give the language model twice, or forget the second file
  expect(() => detectGguf(language("qwen2"), undefined)).toThrow(/llm\.gguf \(architecture "qwen2"\) came without/);
  expect(() => detectGguf(resampler(3), language("qwen2"))).toThrow(/mmproj\.gguf is an mmproj file/);
  expect(() => detectGguf(language("qwen2"), language("qwen2"))).toThrow(/an mmproj file has "clip"/);
  expect(() => detectGguf(language("qwen2"), resampler(2))).toThrow(/projector of MiniCPM-V 2\.5.*"llama".*"qwen2"/);
  expect(() => detectGguf(language("qwen2"), projector({ "clip.projector_type": "merger" }))).toThrow(/type "merger"/);
  expect(() => detectGguf(language("qwen2"), resampler(77))).toThrow(/minicpmv_version 77/);
});

test("safetensors without config.json say what is missing", async () => {
  await expect(describeModel({ language: plain })).rejects.toThrow(/came without its config\.json/);
});
