import { expect, test } from "vitest";
import { readVocabulary } from "../../../test/long/tokenizer-peers.ts";
import { tokenId } from "../../base/brand.ts";
import { seededRandom } from "../../base/random.ts";
import { tokenizerFromJson } from "../../tokenizer/tokenizer-json.ts";
import { compileSchema } from "./compile-schema.ts";
import { ConstrainedDecoder } from "./constrained-decoder.ts";
import { isAllowed, maskLogits, TokenMasker } from "./token-masker.ts";

const { file, config } = readVocabulary("qwen3");
const tokenizer = tokenizerFromJson(file, config);
const end = tokenizer.idOf("<|im_end|>");
const masker = new TokenMasker(tokenizer, [end]);
const schema = {
  type: "object",
  properties: {
    title: { type: "string", maxLength: 12 },
    total: { type: "number", minimum: 0 },
    lines: {
      type: "array",
      items: { type: "object", properties: { name: { type: "string" } }, required: ["name"] },
      maxItems: 3,
    },
  },
  required: ["title", "total"],
  additionalProperties: false,
};

// Catches a subtree skipped wrongly, a token put at the wrong node, an end token allowed too early.
test("the mask allows exactly the tokens whose bytes the grammar allows", () => {
  const grammar = compileSchema(schema);
  const added = new Set(tokenizer.addedTokens.map((token) => token.id));
  for (const text of [
    "",
    '{"',
    '{"title": "a',
    '{"title": "abcdefghijk',
    '{"title":"","total": 1',
    '{"title":"","total": 1}',
  ]) {
    const state = grammar.start.advance(text);
    if (state === undefined) throw new Error(`${text} is not in the grammar`);
    const mask = masker.mask(state);
    const wrong: string[] = [];
    for (let index = 0; index < tokenizer.vocabularySize; index++) {
      const id = tokenId(index);
      const isEnd = id === end && state.isComplete;
      const fits = !added.has(id) && state.advance(tokenizer.tokenBytes(id)) !== undefined;
      if (isAllowed(mask, id) !== (fits || isEnd)) wrong.push(tokenizer.tokenString(id));
    }
    expect(wrong, text).toEqual([]);
  }
});

// Catches masks that lead into a dead end, half characters joined wrongly over tokens, an answer that never ends.
test("random walks over tokens end in JSON that fits the schema", () => {
  for (let seed = 1; seed <= 25; seed++) {
    const random = seededRandom(seed);
    const decoder = new ConstrainedDecoder(compileSchema(schema), masker, tokenizer);
    const ids = [];
    for (let step = 0; step < 400; step++) {
      const mask = decoder.mask();
      const allowed = [];
      for (let index = 0; index < tokenizer.vocabularySize; index++)
        if (isAllowed(mask, tokenId(index))) allowed.push(tokenId(index));
      expect(allowed.length, `seed ${seed}: ${tokenizer.decode(ids)}`).toBeGreaterThan(0);
      if (allowed.includes(end)) break;
      const closing = allowed.filter((id) => /^["\]}]+$/.test(tokenizer.tokenString(id)));
      const pool = step > 20 && closing.length > 0 ? closing : allowed;
      const id = pool[random.below(pool.length)];
      ids.push(id);
      decoder.accept(id);
    }
    const text = tokenizer.decode(ids);
    const value: { title: string; total: number } = JSON.parse(text);
    expect(value.title.length, text).toBeLessThanOrEqual(12);
    expect(value.total, text).toBeGreaterThanOrEqual(0);
  }
});

test("forbidden logits become −∞, padding of the head too", () => {
  const logits = new Float32Array(tokenizer.vocabularySize + 7).fill(1);
  const mask = masker.mask(compileSchema({ const: "x" }).start);
  maskLogits(logits, mask);
  expect(logits.slice(tokenizer.vocabularySize)).toEqual(new Float32Array(7).fill(Number.NEGATIVE_INFINITY));
  expect(logits[tokenizer.idOf('"')]).toBe(1);
  expect(logits[end]).toBe(Number.NEGATIVE_INFINITY);
});

test("a forbidden token is refused", () => {
  const decoder = new ConstrainedDecoder(compileSchema({ type: "null" }), masker, tokenizer);
  expect(() => decoder.accept(tokenizer.idOf("{"))).toThrow("not allowed");
});
