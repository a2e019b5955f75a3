import { readFileSync } from "node:fs";
import fc from "fast-check";
import { expect, test } from "vitest";
import { readVocabulary } from "../../test/long/tokenizer-peers.ts";
import { tokenizerSamples } from "../../test/long/tokenizer-samples.ts";
import { MiniCpmError } from "../base/errors.ts";
import { StringList } from "../base/string-list.ts";
import { TokenizerFormatError, TokenizerUnsupportedError } from "./errors.ts";
import { type GgufVocabulary, ggufVocabulary } from "./gguf-vocabulary.ts";
import { tokenizerFromGguf } from "./tokenizer-gguf.ts";
import { tokenizerFromJson } from "./tokenizer-json.ts";

interface SentencePieceCase {
  readonly name: string;
  readonly addSpacePrefix: boolean;
  readonly tokens: readonly string[];
  readonly scores: readonly number[];
  readonly tokenTypes: readonly number[];
  readonly strings: readonly { text: string; ids: readonly number[]; decoded: string }[];
}

const goldens: { cases: readonly SentencePieceCase[] } = JSON.parse(
  readFileSync(new URL("../../test/golden/tokenizer/sentencepiece.json", import.meta.url), "utf8"),
);

const scored = ({ tokens, ...golden }: SentencePieceCase): GgufVocabulary => ({
  model: "llama",
  addBos: false,
  ...golden,
  tokens: StringList.from(tokens),
});

// Catches score order, tie, byte fallback, unknown fusing and dummy prefix mistakes, against sentencepiece itself.
test.each(goldens.cases)("a scored vocabulary gives sentencepiece's ids: $name", (golden) => {
  const tokenizer = tokenizerFromGguf(scored(golden));
  for (const { text, ids } of golden.strings) {
    // control tokens are never parsed by sentencepiece, user-defined ones always
    const isControl = /<unk>|<s>/.test(text);
    expect(tokenizer.encode(text, { parseSpecial: !isControl }), JSON.stringify(text)).toEqual(ids);
  }
});

// Catches a leading space kept or a space lost inside. Unknown tokens are written differently, so that case is left out.
test.each(goldens.cases.filter((golden) => !golden.name.includes("unknown")))(
  "decodes as sentencepiece: $name",
  (golden) => {
    const tokenizer = tokenizerFromGguf(scored(golden));
    for (const { text, decoded } of golden.strings) {
      if (/<unk>|<s>/.test(text)) continue;
      expect(tokenizer.decode(tokenizer.encode(text, { parseSpecial: true })), JSON.stringify(text)).toBe(decoded);
    }
  },
);

interface JsonFile {
  readonly model: { readonly vocab: Record<string, number>; readonly merges: readonly (string | [string, string])[] };
  readonly added_tokens: readonly { id: number; content: string; special: boolean }[];
}

/** The same vocabulary as a converter writes it into a GGUF file. */
function asGguf(file: JsonFile, pre: string): GgufVocabulary {
  const tokens: string[] = [];
  for (const [token, id] of Object.entries(file.model.vocab)) tokens[id] = token;
  const tokenTypes: number[] = tokens.map(() => 1);
  for (const token of file.added_tokens) {
    tokens[token.id] = token.content;
    tokenTypes[token.id] = token.special ? 3 : 4;
  }
  const merges = file.model.merges.map((rule) => (typeof rule === "string" ? rule : rule.join(" ")));
  const entries: Record<string, unknown> = {
    model: "gpt2",
    pre,
    tokens,
    token_type: Int32Array.from(tokenTypes),
    merges,
  };
  return ggufVocabulary((key) => entries[key.replace("tokenizer.ggml.", "")]);
}

// Catches a word pattern, NFC or ignore_merges that depends on which of the two files was read.
test.each([
  ["qwen3", "qwen2"],
  ["qwen35", "qwen35"],
  ["llama3", "llama-bpe"],
] as const)("%s from GGUF equals %s from tokenizer.json", (name, pre) => {
  const { file } = readVocabulary(name);
  const fromJson = tokenizerFromJson(file);
  const fromGguf = tokenizerFromGguf(asGguf(file as JsonFile, pre));
  for (const text of tokenizerSamples(800, 11)) {
    const ids = fromGguf.encode(text, { parseSpecial: true });
    expect(ids).toEqual(fromJson.encode(text, { parseSpecial: true }));
    expect(fromGguf.decode(ids)).toBe(fromJson.decode(ids));
  }
  expect(fromGguf.vocabularySize).toBe(fromJson.vocabularySize);
});

// Catches acceptance of metadata that would fail later with an error nobody understands.
test("bad metadata is refused with a typed error", () => {
  const tokens = StringList.from(["a"]);
  const merges = StringList.from(["a b"]);
  const good: GgufVocabulary = { model: "llama", tokens, scores: [0] };
  expect(() => tokenizerFromGguf({ ...good, model: "bert" })).toThrow(TokenizerUnsupportedError);
  expect(() => tokenizerFromGguf({ model: "gpt2", pre: "unheard-of", tokens })).toThrow(TokenizerUnsupportedError);
  expect(() => tokenizerFromGguf({ ...good, scores: [] })).toThrow(TokenizerFormatError);
  expect(() => tokenizerFromGguf({ ...good, scores: undefined })).toThrow(TokenizerFormatError);
  expect(() => tokenizerFromGguf({ ...good, bosId: 5 })).toThrow(TokenizerFormatError);
  expect(() => tokenizerFromGguf({ model: "gpt2", pre: "qwen2", tokens, merges })).toThrow(TokenizerFormatError);
  expect(() => ggufVocabulary(() => 3)).toThrow(TokenizerFormatError);
});

// Catches a crash, a hang or an untyped error on metadata that any file may hold.
test("random metadata gives a working tokenizer or a typed error", () => {
  const token = fc.oneof(
    fc.constantFrom("a", "b", "ab", "\u2581", "\u2581a", "<0x41>", "<unk>", "", "\u0120"),
    fc.string({ maxLength: 4 }),
  );
  const number = fc.oneof(fc.integer({ min: -1, max: 7 }), fc.double());
  const field = (value: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> =>
    fc.oneof({ weight: 4, arbitrary: value }, { weight: 1, arbitrary: fc.anything() });
  const metadata = fc.record({
    model: field(fc.constantFrom("llama", "gpt2")),
    pre: field(fc.constantFrom("qwen2", "llama-bpe")),
    tokens: field(fc.array(token, { minLength: 1, maxLength: 12 })),
    token_type: fc.option(field(fc.array(number, { maxLength: 12 })), { nil: undefined }),
    scores: fc.option(field(fc.array(number, { minLength: 1, maxLength: 12 })), { nil: undefined }),
    merges: fc.option(field(fc.array(fc.constantFrom("a b", "\u0120 a", "x", ""), { maxLength: 3 })), {
      nil: undefined,
    }),
    unknown_token_id: fc.option(field(number), { nil: undefined }),
    add_space_prefix: fc.option(field(fc.boolean()), { nil: undefined }),
  });
  fc.assert(
    fc.property(metadata, (values) => {
      try {
        const tokenizer = tokenizerFromGguf(
          ggufVocabulary((key) => Reflect.get(values, key.replace("tokenizer.ggml.", ""))),
        );
        tokenizer.decode(tokenizer.encode("ab a\u2581b <unk>", { parseSpecial: true, addSpecial: true }));
      } catch (error) {
        expect(error).toBeInstanceOf(MiniCpmError);
      }
    }),
    { numRuns: 3000 },
  );
});
