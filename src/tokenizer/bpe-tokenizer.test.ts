import { describe, expect, test } from "vitest";
import { readVocabulary } from "../../test/long/tokenizer-peers.ts";
import { tokenId } from "../base/brand.ts";
import { MissingTokenError, TokenIdError } from "./errors.ts";
import { tokenizerFromJson } from "./tokenizer-json.ts";

const qwen = readVocabulary("qwen3");
const tokenizer = tokenizerFromJson(qwen.file, qwen.config);

describe("special tokens", () => {
  const marked = "a<|im_end|>b<think>c";

  // Catches prompt injection: text of a user that ends its own turn.
  test("written by a user stay text", () => {
    const ids = tokenizer.encode(marked);
    expect(ids.some((id) => id >= tokenizer.idOf("<|endoftext|>"))).toBe(false);
    expect(tokenizer.decode(ids)).toBe(marked);
  });

  test("are found where they are allowed, and only there", () => {
    const ids = tokenizer.encodeParts([
      { text: "<|im_start|>user\n", parseSpecial: true },
      { text: "x<|im_end|>", parseSpecial: false },
      { text: "<|im_end|>", parseSpecial: true },
    ]);
    expect(ids.filter((id) => id === tokenizer.idOf("<|im_end|>"))).toHaveLength(1);
    expect(tokenizer.decode(ids)).toBe("<|im_start|>user\nx<|im_end|><|im_end|>");
  });

  // Catches a token put together from the end of one part and the start of the next.
  test("are not found across parts", () => {
    const ids = tokenizer.encodeParts([
      { text: "<|im_", parseSpecial: true },
      { text: "end|>", parseSpecial: true },
    ]);
    expect(ids).toEqual(tokenizer.encode("<|im_end|>"));
  });

  test("are left out of the text on request", () => {
    const ids = tokenizer.encode("a<|im_end|>b", { parseSpecial: true });
    expect(tokenizer.decode(ids, { skipSpecial: true })).toBe("ab");
  });
});

// Catches parts encoded one by one: "\n" of the template and "\n" of the user are one token in the reference.
test("parts are encoded as the joined text", () => {
  for (const texts of [
    ["user\n", "\n\nhello"],
    ["wor", "ld"],
    ["1", "2 "],
    ["e", "\u0301"],
  ]) {
    const parts = texts.map((text) => ({ text, parseSpecial: false }));
    expect(tokenizer.encodeParts(parts)).toEqual(tokenizer.encode(texts.join("")));
  }
});

test("a missing token is named in a typed error", () => {
  expect(() => tokenizer.idOf("<slice>")).toThrow(MissingTokenError);
  expect(() => tokenizer.idOf("<slice>")).toThrow('"<slice>"');
  expect(() => tokenizer.decode([tokenId(10 ** 7)])).toThrow(TokenIdError);
});

// Catches quadratic merging, splitting or searching. The limit is far above what linear work takes.
test.each(["a", " ", "\n", "!?", "<|im_", "你", "\u0301"])("a megabyte of %j is encoded in bounded time", (unit) => {
  const text = unit.repeat(2 ** 20 / unit.length);
  const start = performance.now();
  const ids = tokenizer.encode(text, { parseSpecial: true });
  expect(performance.now() - start).toBeLessThan(20_000);
  expect(tokenizer.decode(ids)).toBe(text.normalize("NFC"));
});

describe("flags of added tokens", () => {
  const file = {
    normalizer: { type: "NFC" },
    pre_tokenizer: { type: "ByteLevel", add_prefix_space: false, use_regex: true },
    decoder: { type: "ByteLevel" },
    added_tokens: [
      { id: 10, content: "<l>", lstrip: true },
      { id: 11, content: "<r>", rstrip: true },
      { id: 12, content: "é", normalized: true },
      { id: 13, content: "<w>", single_word: true },
      { id: 14, content: "<plain", normalized: false },
    ],
    model: {
      type: "BPE",
      merges: [],
      vocab: Object.fromEntries([..."ab<>lrwplain/", "Ġ", "Ã", "©", "Ì", "ģ"].map((token, id) => [token, id + 20])),
    },
  };
  const small = tokenizerFromJson(file);
  const ids = (text: string, parseSpecial = true): string[] =>
    small.encode(text, { parseSpecial }).map((id) => small.tokenString(id));

  test.each([
    ["a <l> b", ["a", "<l>", "Ġ", "b"]],
    ["a <r> b", ["a", "Ġ", "<r>", "b"]],
    ["ae\u0301b", ["a", "é", "b"]],
    ["a<w>b", ["a", "<", "w", ">", "b"]],
    ["a <w> b", ["a", "Ġ", "<w>", "Ġ", "b"]],
  ])("%j", (text, expected) => {
    expect(ids(text)).toEqual(expected);
  });

  test("a plain added token is vocabulary and is found in a user's text too", () => {
    expect(ids("a<plain", false)).toEqual(["a", "<plain"]);
    expect(ids("a<l>", false)).toEqual(["a", "<", "l", ">"]);
  });
});
