// Writes the tokenizer of the embedded model: byte-level BPE in the family's form, trained on the generator's own texts.
// Digits are never merged, so that every number is read digit by digit. usage: node vocabulary.ts OUTPUT_FOLDER
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { byteAlphabet } from "../../src/tokenizer/byte-alphabet.ts";
import { sample } from "./data/sample.ts";

/** Tokens that the family's prompts are made of, in the order of the published vocabularies. */
export const SPECIAL_TOKENS: readonly string[] = [
  "<unk>",
  "<|endoftext|>",
  "<|im_start|>",
  "<|im_end|>",
  "<image>",
  "</image>",
  "<ref>",
  "</ref>",
  "<box>",
  "</box>",
  "<quad>",
  "</quad>",
  "<point>",
  "</point>",
  "<slice>",
  "</slice>",
  "<image_id>",
  "</image_id>",
];

const VOCABULARY_SIZE = 640;
const SAMPLE_COUNT = 1500;
const SEED = 77;

// the Qwen2 pattern; digits stand alone
const PATTERN =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

function corpusWords(): Map<string, number> {
  const words = new Map<string, number>();
  const split = new RegExp(PATTERN, "gu");
  const add = (text: string): void => {
    for (const [word] of text.matchAll(split)) words.set(word, (words.get(word) ?? 0) + 1);
  };
  for (let index = 0; index < SAMPLE_COUNT; index++) {
    const { turns } = sample(SEED, index, { stage: "documents" });
    for (const { question, answer } of turns) {
      add(`user\n${question}`);
      add(`assistant\n${answer.replaceAll(/<[^>]*>/g, "")}`);
    }
  }
  return words;
}

interface Word {
  symbols: string[];
  readonly count: number;
}

/** Classic BPE training: merge the most frequent pair until the vocabulary is full; ties go to the smaller pair. */
function trainMerges(words: ReadonlyMap<string, number>, mergeCount: number): (readonly [string, string])[] {
  const alphabet = byteAlphabet();
  const encoder = new TextEncoder();
  const list: Word[] = [...words].map(([word, count]) => ({
    symbols: Array.from(encoder.encode(word), (byte) => alphabet[byte]),
    count,
  }));
  const merges: (readonly [string, string])[] = [];
  while (merges.length < mergeCount) {
    const best = mostFrequentPair(list);
    if (best === undefined) break;
    merges.push(best);
    for (const word of list) word.symbols = mergePair(word.symbols, best);
  }
  return merges;
}

function mostFrequentPair(list: readonly Word[]): readonly [string, string] | undefined {
  const counts = new Map<string, number>();
  for (const { symbols, count } of list) {
    for (let i = 0; i + 1 < symbols.length; i++) {
      const key = `${symbols[i]} ${symbols[i + 1]}`;
      counts.set(key, (counts.get(key) ?? 0) + count);
    }
  }
  let best: string | undefined;
  for (const [key, count] of counts) {
    const top = best === undefined ? 0 : (counts.get(best) ?? 0);
    if (count > top || (count === top && best !== undefined && key < best)) best = key;
  }
  if (best === undefined || (counts.get(best) ?? 0) < 2) return undefined;
  const [left, right] = best.split(" ");
  return [left, right];
}

function mergePair(symbols: readonly string[], [left, right]: readonly [string, string]): string[] {
  const merged: string[] = [];
  for (let i = 0; i < symbols.length; i++) {
    if (symbols[i] === left && symbols[i + 1] === right) {
      merged.push(left + right);
      i++;
    } else {
      merged.push(symbols[i]);
    }
  }
  return merged;
}

/** tokenizer.json and tokenizer_config.json as the published versions write them. */
function tokenizerFiles(): { readonly tokenizer: unknown; readonly config: unknown } {
  const alphabet = byteAlphabet();
  const merges = trainMerges(corpusWords(), VOCABULARY_SIZE - alphabet.length - SPECIAL_TOKENS.length);
  const vocab: Record<string, number> = {};
  for (const symbol of [...alphabet, ...merges.map(([a, b]) => a + b)]) vocab[symbol] ??= Object.keys(vocab).length;
  const firstSpecial = Object.keys(vocab).length;
  const byteLevel = { type: "ByteLevel", add_prefix_space: false, trim_offsets: false, use_regex: false };
  const tokenizer = {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: SPECIAL_TOKENS.map((content, i) => ({
      id: firstSpecial + i,
      content,
      special: true,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
    })),
    normalizer: { type: "NFC" },
    pre_tokenizer: {
      type: "Sequence",
      pretokenizers: [{ type: "Split", pattern: { Regex: PATTERN }, behavior: "Isolated", invert: false }, byteLevel],
    },
    post_processor: byteLevel,
    decoder: byteLevel,
    model: {
      type: "BPE",
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: "",
      end_of_word_suffix: "",
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab,
      merges: merges.map(([a, b]) => `${a} ${b}`),
    },
  };
  const config = {
    add_prefix_space: false,
    bos_token: "<|im_start|>",
    eos_token: "<|im_end|>",
    pad_token: "<|endoftext|>",
    unk_token: "<unk>",
    chat_template:
      "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}",
    clean_up_tokenization_spaces: false,
    model_max_length: 4096,
    tokenizer_class: "Qwen2Tokenizer",
  };
  return { tokenizer, config };
}

if (import.meta.main) {
  const folder = process.argv[2] ?? "../../models/pocket";
  mkdirSync(folder, { recursive: true });
  const { tokenizer, config } = tokenizerFiles();
  writeFileSync(join(folder, "tokenizer.json"), JSON.stringify(tokenizer));
  writeFileSync(join(folder, "tokenizer_config.json"), `${JSON.stringify(config, null, 1)}\n`);
}
