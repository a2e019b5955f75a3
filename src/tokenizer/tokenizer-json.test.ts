import fc from "fast-check";
import { expect, test } from "vitest";
import { MiniCpmError } from "../base/errors.ts";
import { TokenizerFormatError, TokenizerUnsupportedError } from "./errors.ts";
import { tokenizerFromJson } from "./tokenizer-json.ts";

const alphabet = [..."abcdefgh", "Ġ", "ab", "abc", "Ġa"];
const file = {
  version: "1.0",
  added_tokens: [{ id: 40, content: "<x>", special: true, lstrip: false, rstrip: false, normalized: false }],
  normalizer: {
    type: "Sequence",
    normalizers: [{ type: "NFC" }, { type: "Replace", pattern: { String: "q" }, content: "a" }],
  },
  pre_tokenizer: {
    type: "Sequence",
    pretokenizers: [
      { type: "Split", pattern: { Regex: "(?i:'s)| ?\\p{L}+|\\s+(?!\\S)|\\s+" }, behavior: "Isolated", invert: false },
      { type: "ByteLevel", add_prefix_space: false, use_regex: false },
    ],
  },
  post_processor: {
    type: "TemplateProcessing",
    single: [{ SpecialToken: { id: "<x>", type_id: 0 } }, { Sequence: { id: "A", type_id: 0 } }],
    special_tokens: { "<x>": { id: "<x>", ids: [40], tokens: ["<x>"] } },
  },
  decoder: { type: "ByteLevel" },
  model: {
    type: "BPE",
    unk_token: "h",
    vocab: Object.fromEntries(alphabet.map((token, id) => [token, id])),
    merges: ["a b", ["ab", "c"], "Ġ a"],
  },
};

test("a whole small file is read", () => {
  const tokenizer = tokenizerFromJson(file);
  const ids = tokenizer.encode("abc qb<x>", { addSpecial: true, parseSpecial: true });
  expect(ids.map((id) => tokenizer.tokenString(id))).toEqual(["<x>", "abc", "Ġ", "ab", "<x>"]);
  expect(tokenizer.vocabularySize).toBe(41);
});

test.each([
  [{ ...file, model: undefined }, TokenizerFormatError, "tokenizer.json.model"],
  [{ ...file, model: { ...file.model, type: "Unigram" } }, TokenizerUnsupportedError, "Unigram"],
  [{ ...file, model: { ...file.model, vocab: { a: 4e9 } } }, TokenizerFormatError, "vocab.a"],
  [{ ...file, model: { ...file.model, merges: ["a z"] } }, TokenizerFormatError, "merges[0]"],
  [{ ...file, normalizer: { type: "Strip" } }, TokenizerUnsupportedError, "Strip"],
  [
    { ...file, pre_tokenizer: { type: "Split", pattern: { Regex: "(" }, behavior: "Isolated" } },
    TokenizerUnsupportedError,
    "pattern",
  ],
  [null, TokenizerFormatError, "tokenizer.json"],
  ["{}", TokenizerFormatError, "tokenizer.json"],
])("a bad file is refused with its place: case %#", (bad, errorClass, place) => {
  expect(() => tokenizerFromJson(bad)).toThrow(errorClass);
  expect(() => tokenizerFromJson(bad)).toThrow(place);
});

/** Copies a JSON value with one randomly chosen part replaced. */
function mutate(value: unknown, path: readonly number[], replacement: unknown): unknown {
  if (path.length === 0 || typeof value !== "object" || value === null) return replacement;
  const copy: Record<string, unknown> | unknown[] = Array.isArray(value) ? [...value] : { ...value };
  const keys = Object.keys(copy);
  const key = keys[path[0] % Math.max(1, keys.length)];
  if (key === undefined) return replacement;
  Object.assign(copy, { [key]: mutate(Reflect.get(copy, key), path.slice(1), replacement) });
  return copy;
}

// Catches a crash, a hang or an untyped error on a damaged file, at loading or at first use.
test("a mutated file gives a working tokenizer or a typed error", () => {
  const replacement = fc.oneof(
    fc.constantFrom(
      undefined,
      null,
      true,
      -1,
      1.5,
      1e300,
      "",
      "<x>",
      [],
      {},
      [[]],
      { type: "Sequence" },
      "Sequence",
      "a b c",
    ),
    fc.jsonValue({ maxDepth: 2 }),
  );
  fc.assert(
    fc.property(fc.array(fc.nat(), { maxLength: 5 }), replacement, (path, value) => {
      try {
        const tokenizer = tokenizerFromJson(mutate(file, path, value));
        const ids = tokenizer.encode("abc qab<x>'s  \u00e9", { addSpecial: true, parseSpecial: true });
        tokenizer.decode(ids);
      } catch (error) {
        expect(error).toBeInstanceOf(MiniCpmError);
      }
    }),
    { numRuns: 3000 },
  );
});
