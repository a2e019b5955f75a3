import { expect, test } from "vitest";
import type { Graph } from "../tensor/graph.ts";
import { ConfigJson } from "./config-json.ts";
import { decoderGraph } from "./decoder/decoder.ts";
import { describeModel } from "./minicpmv/registry.ts";
import type { ModelDescription } from "./minicpmv/version.ts";
import { ggufVisionNaming } from "./naming/gguf.ts";
import { fakeCheckpoint } from "./testing/fake-checkpoint.ts";
import { PUBLISHED_CONFIGS } from "./testing/published-configs.ts";
import type { WeightNaming } from "./weight-binding.ts";

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
  const { vision, decoder, mmproj } = await inventories(PUBLISHED_CONFIGS["4.6"]);
  expect(vision.names.size + decoder.names.size).toBe(779);
  expect(2 * (vision.elements + decoder.elements)).toBe(2_600_856_032);
  expect(mmproj(false).names.size).toBe(459);
});

test("2.6's vision part has the published tensors", async () => {
  // published mmproj: 455 tensors, of which one table is computed instead; 1,044,425,152 bytes with its header
  const { mmproj } = await inventories(PUBLISHED_CONFIGS["2.6"]);
  const { names } = mmproj(true);
  expect(names.size + 1).toBe(455);
});

test("2.5 at its published size has the published number of parameters", async () => {
  // the index of its files declares 34,148,369,344 bytes, four to a parameter
  const { vision, decoder } = await inventories(PUBLISHED_CONFIGS["2.5"]);
  expect(4 * (vision.elements + decoder.elements)).toBe(34_148_369_344);
});
