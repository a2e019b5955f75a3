import fc from "fast-check";
import { expect, test } from "vitest";
import hf26 from "../../test/golden/ladder/v2.6/config.json" with { type: "json" };
import hf40 from "../../test/golden/ladder/v4.0/config.json" with { type: "json" };
import hf46 from "../../test/golden/ladder/v4.6/config.json" with { type: "json" };
import { InvariantError, MiniCpmError } from "../base/errors.ts";
import { WeightMismatchError } from "../weights/errors.ts";
import { bindModel } from "./bind-model.ts";
import { ConfigJson } from "./config-json.ts";
import { decoderGraph } from "./decoder/decoder.ts";
import { describeModel, type ModelFiles } from "./minicpmv/registry.ts";
import { type FakeValue, fakeCheckpoint } from "./testing/fake-checkpoint.ts";

const RUNS = 300;
const BUDGET_MS = 2000; // one description; normal is a few milliseconds

/** What an entry may turn into. */
const value = fc.oneof(
  fc.constantFrom<unknown>(0, -1, 0.5, 7, 1e9, 2 ** 24, Number.MAX_SAFE_INTEGER, null, "", "x", true, [], [1], {}),
  fc.integer({ min: 1, max: 4096 }),
);

const CAPACITY = { tokens: 1, selected: 1, sequences: 1, pagesPerSequence: 1, pageSize: 1, slotCount: 1 } as const;

/** Describes, records and binds; anything but a MiniCpmError, or a long time, fails. */
async function describesOrThrowsTyped(files: ModelFiles): Promise<unknown> {
  let thrown: unknown;
  const start = performance.now();
  try {
    const description = await describeModel(files);
    const { encoder, decoder } = description;
    const graphs = {
      vision: [encoder.graph({ views: 1, patches: encoder.patchMultiple })],
      decoder: [decoderGraph(decoder, { ...CAPACITY, cacheType: "f32" })],
    };
    bindModel(description, files, graphs);
  } catch (error) {
    thrown = error;
    // an InvariantError is ours to mend, and says nothing to a person with a damaged file
    if (!(error instanceof MiniCpmError) || error instanceof InvariantError) throw error;
  }
  expect(performance.now() - start).toBeLessThan(BUDGET_MS);
  return thrown;
}

/** Every path to an entry of a parsed JSON object. */
function pathsOf(node: unknown, path: readonly string[] = []): readonly (readonly string[])[] {
  if (typeof node !== "object" || node === null) return path.length === 0 ? [] : [path];
  const inner = Object.entries(node).flatMap(([key, each]) => pathsOf(each, [...path, key]));
  return path.length === 0 ? inner : [path, ...inner];
}

function replaced(node: unknown, [key, ...rest]: readonly string[], by: unknown): unknown {
  if (key === undefined) return by;
  const entries = typeof node === "object" && node !== null ? Object.entries(node) : [];
  return Object.fromEntries(entries.map(([each, old]) => [each, each === key ? replaced(old, rest, by) : old]));
}

const checkpoint = fakeCheckpoint({ container: "safetensors", tensors: { "resampler.query": [64, 128] } });

test("a mutated config.json gives a model or a typed error in bounded time", async () => {
  // a RangeError of an array of a claimed size, a hang over a million layers, a TypeError of a list that is text
  const mutation = fc
    .constantFrom<unknown>(hf26, hf40, hf46)
    .chain((config) => fc.record({ config: fc.constant(config), path: fc.constantFrom(...pathsOf(config)), value }));
  await fc.assert(
    fc.asyncProperty(fc.array(mutation, { minLength: 1, maxLength: 3 }), async (mutations) => {
      const [{ config }] = mutations;
      const mutated = mutations.reduce((node, { path, value: by }) => replaced(node, path, by), config);
      await describesOrThrowsTyped({ config: new ConfigJson(mutated), language: checkpoint });
    }),
    { numRuns: RUNS },
  );
});

const LANGUAGE = {
  "general.architecture": "qwen35",
  "qwen35.context_length": 4096,
  "qwen35.embedding_length": 64,
  "qwen35.block_count": 4,
  "qwen35.feed_forward_length": 96,
  "qwen35.attention.head_count": 4,
  "qwen35.attention.head_count_kv": 2,
  "qwen35.attention.key_length": 64,
  "qwen35.attention.layer_norm_rms_epsilon": 0.5,
  "qwen35.rope.freq_base": 1e7,
  "qwen35.rope.dimension_count": 16,
  "qwen35.full_attention_interval": 4,
  "qwen35.ssm.conv_kernel": 4,
  "qwen35.ssm.state_size": 32,
  "qwen35.ssm.group_count": 2,
  "qwen35.ssm.time_step_rank": 2,
  "qwen35.ssm.inner_size": 64,
};
const VISION = {
  "general.architecture": "clip",
  "clip.projector_type": "minicpmv4_6",
  "clip.vision.patch_size": 14,
  "clip.vision.embedding_length": 32,
  "clip.vision.feed_forward_length": 48,
  "clip.vision.block_count": 4,
  "clip.vision.attention.head_count": 2,
  "clip.vision.wa_layer_indexes": [1],
};

test("mutated GGUF metadata gives a model or a typed error in bounded time", async () => {
  const sound = fakeCheckpoint({ metadata: VISION, tensors: { "v.position_embd.weight": [4900, 32] } });
  const whole = fakeCheckpoint({ metadata: LANGUAGE, tensors: { "token_embd.weight": [311, 64] } });
  // unedited, everything is read and recorded, and only the tensors that the fakes lack are missed
  expect(await describesOrThrowsTyped({ language: whole, vision: sound })).toBeInstanceOf(WeightMismatchError);
  const scalar = fc.constantFrom<FakeValue>(0, 3, 0.25, 2 ** 24, 4_000_000_000, "x", true, [], [1 << 30]);
  const mutation = fc.record({ key: fc.constantFrom(...Object.keys(LANGUAGE), ...Object.keys(VISION)), value: scalar });
  await fc.assert(
    fc.asyncProperty(fc.array(mutation, { maxLength: 3 }), fc.constantFrom(4900, 0, 17), async (edits, places) => {
      const edited = (entries: Readonly<Record<string, FakeValue>>) =>
        Object.fromEntries(
          Object.entries(entries).map(([key, old]) => [key, edits.find((edit) => edit.key === key)?.value ?? old]),
        );
      const language = fakeCheckpoint({ metadata: edited(LANGUAGE), tensors: { "token_embd.weight": [311, 64] } });
      const tensors = { "v.position_embd.weight": [places, 32] };
      await describesOrThrowsTyped({ language, vision: fakeCheckpoint({ metadata: edited(VISION), tensors }) });
    }),
    { numRuns: RUNS },
  );
});
