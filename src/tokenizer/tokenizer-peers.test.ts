import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { difference, readVocabulary, tokenizerPair, VOCABULARY_NAMES } from "../../test/long/tokenizer-peers.ts";
import { tokenizerSamples } from "../../test/long/tokenizer-samples.ts";
import { tokenizerFromJson } from "./tokenizer-json.ts";

const SEED = 7;

interface RustGoldens {
  readonly strings: readonly string[];
  readonly ids: Readonly<Record<string, readonly (readonly number[])[]>>;
}

// The long form of the first test: node test/long/tokenizer.ts
describe.each(VOCABULARY_NAMES)("%s", (name) => {
  const pair = tokenizerPair(name);

  // Catches a wrong merge order, word pattern, normaliser, special-token split or byte table.
  test("encodes and decodes as @huggingface/tokenizers does", () => {
    const found = Array.from(tokenizerSamples(1500, SEED), (text) => difference(pair, text)).filter(Boolean);
    expect(found, `seed ${SEED}`).toEqual([]);
  });

  // Catches what the JavaScript peer shares with us: the engine's white space, case folding and Unicode tables.
  test("gives the ids of the Rust tokenizers for hard strings", () => {
    const url = new URL("../../test/golden/tokenizer/rust-tokenizers.json", import.meta.url);
    const golden: RustGoldens = JSON.parse(readFileSync(url, "utf8"));
    const ids = golden.strings.map((text) => pair.ours.encode(text, { addSpecial: true, parseSpecial: true }));
    expect(ids).toEqual(golden.ids[name]);
  });
});

// Catches a test of the Qwen3.5 pattern that runs on the Qwen3 pattern after all.
test("the Qwen3.5 pattern keeps marks in words and the Qwen3 pattern does not", () => {
  const [qwen3, qwen35] = (["qwen3", "qwen35"] as const).map((name) => tokenizerFromJson(readVocabulary(name).file));
  const text = "ที่ ";
  expect(qwen35.encode(text)).not.toEqual(qwen3.encode(text));
});
