import { expect, test } from "vitest";
import { fakeCheckpoint } from "../testing/fake-checkpoint.ts";
import { ggufSource } from "./gguf-source.ts";

const vision = fakeCheckpoint({
  metadata: {
    "clip.vision.embedding_length": 8,
    "clip.vision.block_count": 1,
    "clip.vision.attention.head_count": 2,
    "clip.vision.feed_forward_length": 12,
    "clip.vision.patch_size": 14,
  },
  tensors: { "v.position_embd.weight": [4900, 8], "resampler.query": [64, 16], "v.blk.0.ffn_up.weight": [8, 12] },
});

function language(
  architecture: string,
  extra: Readonly<Record<string, number | string>> = {},
  values: Readonly<Record<string, readonly number[]>> = {},
) {
  const keys = {
    context_length: 4096,
    embedding_length: 16,
    block_count: 2,
    feed_forward_length: 24,
    "attention.head_count": 2,
    "attention.layer_norm_rms_epsilon": 0.5,
    ...extra,
  };
  const entries = Object.entries(keys).map(([key, value]) => [`${architecture}.${key}`, value]);
  return fakeCheckpoint({
    fileName: "llm.gguf",
    metadata: { "general.architecture": architecture, ...Object.fromEntries(entries) },
    tensors: { "token_embd.weight": [50, 16] },
    values,
  });
}

test("llama and minicpm files rotate adjacent pairs, the others halves", async () => {
  // their converter permuted the rows of q and k
  for (const [architecture, pairing] of [
    ["llama", "adjacent"],
    ["minicpm", "adjacent"],
    ["qwen2", "half"],
    ["qwen3", "half"],
  ] as const) {
    const { decoder } = await ggufSource(language(architecture), vision);
    expect(decoder.rotaryPairing).toBe(pairing);
    expect(decoder).toMatchObject({ vocabularySize: 50, isTied: true, groupCount: 2, headWidth: 8 });
  }
});

test("MiniCPM's logit scale divides", async () => {
  // hidden / (width / dim_model_base): the written 9 must not multiply
  const minicpm = language("minicpm", { embedding_scale: 12, residual_scale: 0.25, logit_scale: 9 });
  const { mupScales } = await ggufSource(minicpm, vision);
  expect(mupScales()).toEqual({ embeddingScale: 12, residualScale: 0.25, logitDivisor: 9 });
});

test("LongRoPE divisors are read from their tensors", async () => {
  // 4.0 without them answers well for a few tokens and then drifts
  const factors = [1, 2, 4, 8];
  const longrope = { "rope_factors_long.weight": factors, "rope_factors_short.weight": factors };
  const plain = await ggufSource(language("llama"), vision);
  const stretched = await ggufSource(language("llama", {}, longrope), vision);
  expect(stretched.decoder.inverseFrequencies).toEqual(plain.decoder.inverseFrequencies.map((f, i) => f / factors[i]));
  expect(stretched.decoder.contextLength).toBe(4096);
});

test("unequal LongRoPE lists end the context where they would switch", async () => {
  const lists = { "rope_factors_long.weight": [9, 9, 9, 9], "rope_factors_short.weight": [1, 2, 4, 8] };
  const original = { "rope.scaling.original_context_length": 1024 };
  const { decoder } = await ggufSource(language("llama", original, lists), vision);
  expect(decoder.contextLength).toBe(1024);
});

test("queries are counted in the file, and a swapped feed-forward is seen by its shape", async () => {
  const source = await ggufSource(language("llama"), vision);
  expect(source.queryCount).toBe(64);
  const { vision: naming } = source.naming("navit");
  expect(naming("vpm.encoder.layers.3.mlp.fc1.weight", [12, 8])).toEqual({ name: "v.blk.3.ffn_down.weight" });
});

test("a missing key is named", async () => {
  const broken = fakeCheckpoint({ fileName: "llm.gguf", metadata: { "general.architecture": "qwen2" } });
  await expect(ggufSource(broken, vision)).rejects.toThrow(/llm\.gguf.*qwen2\.embedding_length/);
});
