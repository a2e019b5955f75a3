// Writes the tokenizer of the embedded model: byte-level BPE in the family's form, without merges of anything that is printed.
// A model of this size reads character by character; a merged token would be one more thing to learn for each of its
// spellings. usage: node vocabulary.ts OUTPUT_FOLDER
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { byteAlphabet } from "../../src/tokenizer/byte-alphabet.ts";

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

// the Qwen2 pattern; digits stand alone
const PATTERN =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

/** Formats want a merge; this one is of no print. */
const MERGES: readonly (readonly [string, string])[] = [["\r", "\n"]];

/** tokenizer.json and tokenizer_config.json as the published versions write them. */
function tokenizerFiles(): { readonly tokenizer: unknown; readonly config: unknown } {
  const alphabet = byteAlphabet();
  const merges = MERGES.map(([a, b]) => [alphabet[a.charCodeAt(0)], alphabet[b.charCodeAt(0)]] as const);
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
