import { seededRandom } from "../../src/base/random.ts";
import { StringList } from "../../src/base/string-list.ts";
import { byteAlphabet } from "../../src/tokenizer/byte-alphabet.ts";
import type { GgufValue } from "../../src/weights/gguf/value.ts";

const LONGEST = 16;
/** Tokens that others are joined of: those that came first and are short. */
const MOST_PARTS = 16_384;

/** Metadata of a byte-level vocabulary as large as asked for, each token beyond the 256 bytes with its merge rule. */
export function syntheticVocabulary(tokenCount: number): Map<string, GgufValue> {
  const random = seededRandom(tokenCount);
  const tokens = [...byteAlphabet()];
  const known = new Set(tokens);
  const merges: string[] = [];
  while (tokens.length < tokenCount) {
    const parts = Math.min(tokens.length, MOST_PARTS);
    const [left, right] = [tokens[random.below(parts)], tokens[random.below(parts)]];
    const joined = left + right;
    if (joined.length > LONGEST || known.has(joined)) continue;
    known.add(joined);
    tokens.push(joined);
    merges.push(`${left} ${right}`);
  }
  const strings = (list: readonly string[]): GgufValue => ({
    type: "array",
    array: { type: "string", values: StringList.from(list) },
  });
  return new Map<string, GgufValue>([
    ["tokenizer.ggml.model", { type: "string", value: "gpt2" }],
    ["tokenizer.ggml.pre", { type: "string", value: "qwen35" }],
    ["tokenizer.ggml.tokens", strings(tokens)],
    [
      "tokenizer.ggml.token_type",
      { type: "array", array: { type: "i32", values: new Int32Array(tokenCount).fill(1) } },
    ],
    ["tokenizer.ggml.merges", strings(merges)],
  ]);
}
