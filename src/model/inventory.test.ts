import { expect, test } from "vitest";
import type { Graph } from "../tensor/graph.ts";
import { ConfigJson } from "./config-json.ts";
import { decoderGraph } from "./decoder/decoder.ts";
import { describeModel } from "./minicpmv/registry.ts";
import type { ModelDescription } from "./minicpmv/version.ts";
import { ggufVisionNaming } from "./naming/gguf.ts";
import { fakeCheckpoint } from "./testing/fake-checkpoint.ts";
import type { WeightNaming } from "./weight-binding.ts";

// sizes of the published config.json files
const SIGLIP = {
  hidden_size: 1152,
  image_size: 980,
  intermediate_size: 4304,
  num_attention_heads: 16,
  num_hidden_layers: 27,
  patch_size: 14,
};
const V46 = {
  model_type: "minicpmv4_6",
  tie_word_embeddings: true,
  insert_layer_id: 6,
  vision_config: SIGLIP,
  text_config: {
    hidden_size: 1024,
    num_hidden_layers: 24,
    num_attention_heads: 8,
    num_key_value_heads: 2,
    head_dim: 256,
    intermediate_size: 3584,
    vocab_size: 248094,
    max_position_embeddings: 262144,
    full_attention_interval: 4,
    linear_conv_kernel_dim: 4,
    linear_key_head_dim: 128,
    linear_num_key_heads: 16,
    linear_num_value_heads: 16,
    linear_value_head_dim: 128,
    rope_parameters: { partial_rotary_factor: 0.25, rope_theta: 1e7, rope_type: "default" },
  },
};
const V26 = {
  model_type: "minicpmv",
  version: 2.6,
  query_num: 64,
  hidden_size: 3584,
  num_hidden_layers: 28,
  num_attention_heads: 28,
  num_key_value_heads: 4,
  intermediate_size: 18944,
  vocab_size: 151666,
  max_position_embeddings: 32768,
  rope_theta: 1e6,
  vision_config: SIGLIP,
};
const V25 = {
  ...V26,
  version: "2.5",
  query_num: 96,
  hidden_size: 4096,
  num_hidden_layers: 32,
  num_attention_heads: 32,
  num_key_value_heads: 8,
  intermediate_size: 14336,
  vocab_size: 128256,
  max_position_embeddings: 8192,
  rope_theta: 5e5,
};

async function describe(config: unknown): Promise<ModelDescription> {
  const language = fakeCheckpoint({ container: "safetensors" });
  return describeModel({ config: new ConfigJson(config), language });
}

interface Inventory {
  readonly names: ReadonlySet<string>;
  readonly elements: number;
}

/** Distinct tensors of a graph's weights under a naming, tables that are computed aside. */
function inventory(graph: Graph, naming: WeightNaming, isComputed: (name: string) => boolean): Inventory {
  const names = new Set<string>();
  let elements = 0;
  for (const [name, id] of Object.entries(graph.weights)) {
    if (isComputed(name)) continue;
    const shape = graph.values[id].dims.map((d) => d.capacity);
    const place = naming(name, shape);
    if (place === undefined) throw new Error(`${name} has no place.`);
    names.add(place.name);
    elements += shape.reduce((product, n) => product * n, 1);
  }
  return { names, elements };
}

async function inventories(config: unknown) {
  const { encoder, decoder, naming, computed } = await describe(config);
  const capacity = { tokens: 1, selected: 1, sequences: 1, pagesPerSequence: 1, pageSize: 1, slotCount: 1 };
  const isComputed = (name: string): boolean => computed(name) !== undefined;
  const vision = encoder.graph({ views: 1, patches: encoder.patchMultiple });
  return {
    vision: inventory(vision, naming.vision, isComputed),
    decoder: inventory(decoderGraph(decoder, { ...capacity, cacheType: "f32" }), naming.language, isComputed),
    mmproj: (isSwapped: boolean) => inventory(vision, ggufVisionNaming({ isSwapped }), isComputed),
  };
}

test("4.6 at its published size has the published tensors", async () => {
  // published: 779 tensors, all BF16, 2,600,856,032 bytes; 459 tensors in its mmproj file
  const { vision, decoder, mmproj } = await inventories(V46);
  expect(vision.names.size + decoder.names.size).toBe(779);
  expect(2 * (vision.elements + decoder.elements)).toBe(2_600_856_032);
  expect(mmproj(false).names.size).toBe(459);
});

test("2.6's vision part has the published tensors", async () => {
  // published mmproj: 455 tensors, of which one table is computed instead; 1,044,425,152 bytes with its header
  const { mmproj } = await inventories(V26);
  const { names } = mmproj(true);
  expect(names.size + 1).toBe(455);
});

test("2.5 at its published size has the published number of parameters", async () => {
  // the index of its files declares 34,148,369,344 bytes, four to a parameter
  const { vision, decoder } = await inventories(V25);
  expect(4 * (vision.elements + decoder.elements)).toBe(34_148_369_344);
});
