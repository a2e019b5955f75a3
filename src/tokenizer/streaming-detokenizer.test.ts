import { expect, test } from "vitest";
import { readVocabulary, VOCABULARY_NAMES } from "../../test/long/tokenizer-peers.ts";
import { tokenizerSamples } from "../../test/long/tokenizer-samples.ts";
import { StreamingDetokenizer } from "./streaming-detokenizer.ts";
import { tokenizerFromJson } from "./tokenizer-json.ts";

// Catches half characters, a lost byte order mark, a kept or doubly stripped leading space.
test.each(VOCABULARY_NAMES)("%s: streamed pieces joined equal the decoded text and hold whole characters", (name) => {
  const { file } = readVocabulary(name);
  const tokenizer = tokenizerFromJson(file);
  for (const text of tokenizerSamples(700, 5)) {
    const ids = tokenizer.encode(text, { parseSpecial: true });
    for (const skipSpecial of [false, true]) {
      const stream = new StreamingDetokenizer(tokenizer, { skipSpecial });
      const pieces = [...ids.map((id) => stream.push(id)), stream.flush()];
      const whole = tokenizer.decode(ids, { skipSpecial });
      expect(pieces.join("")).toBe(whole);
      if (!whole.includes("\uFFFD")) expect(pieces.join("|")).not.toContain("\uFFFD");
      for (const piece of pieces) expect(piece).not.toMatch(/^[\udc00-\udfff]|[\ud800-\udbff]$/u);
    }
  }
});

test("bytes that never become a character are given out as U+FFFD at the end", () => {
  const { file } = readVocabulary("qwen3");
  const tokenizer = tokenizerFromJson(file);
  const stream = new StreamingDetokenizer(tokenizer);
  const [first] = tokenizer.encode("\u{10ffff}");
  expect(stream.push(first)).toBe("");
  expect(stream.flush()).toBe("\uFFFD");
});
