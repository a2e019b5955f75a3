import { StringList } from "../../base/string-list.ts";
import { TokenizerFormatError } from "../../tokenizer/errors.ts";
import type { GgufValue } from "../../weights/gguf/value.ts";

/** tokenizer.json and tokenizer_config.json of a byte-level BPE with Qwen2's word pattern. */
export interface TokenizerFiles {
  readonly tokenizer: TokenizerJson;
  readonly tokenizerConfig: TokenizerConfig;
}

export interface TokenizerJson {
  readonly model: {
    readonly vocab: Readonly<Record<string, number>>;
    readonly merges: readonly (string | readonly string[])[];
  };
  readonly added_tokens: readonly { readonly id: number; readonly content: string; readonly special: boolean }[];
}

export interface TokenizerConfig {
  readonly eos_token: string;
  readonly pad_token: string;
  readonly unk_token?: string | undefined;
  readonly chat_template?: string | undefined;
}

const [NORMAL, CONTROL, USER_DEFINED] = [1, 3, 4];

/** The vocabulary as GGUF metadata. Throws TokenizerFormatError where ids have gaps or a named token is missing. */
export function tokenizerMetadata({ tokenizer, tokenizerConfig }: TokenizerFiles): Map<string, GgufValue> {
  const { model, added_tokens: added } = tokenizer;
  const words: string[] = [];
  const kinds: number[] = [];
  for (const [word, id] of Object.entries(model.vocab)) {
    words[id] = word;
    kinds[id] = NORMAL;
  }
  for (const { id, content, special } of added) {
    words[id] = content;
    kinds[id] = special ? CONTROL : USER_DEFINED;
  }
  const gap = Array.from(words).indexOf(undefined as never);
  if (gap !== -1) throw new TokenizerFormatError("tokenizer.json", `id ${gap} has no token`);
  const idOf = (word: string): GgufValue => {
    const id = words.indexOf(word);
    if (id === -1) throw new TokenizerFormatError("tokenizer_config.json", `${word} is not in the vocabulary`);
    return { type: "u32", value: id };
  };
  const { eos_token, pad_token, unk_token, chat_template } = tokenizerConfig;
  const strings = (list: readonly string[]): GgufValue => ({
    type: "array",
    array: { type: "string", values: StringList.from(list) },
  });
  const merges = model.merges.map((pair) => (typeof pair === "string" ? pair : pair.join(" ")));
  return new Map<string, GgufValue>([
    ["tokenizer.ggml.model", { type: "string", value: "gpt2" }],
    ["tokenizer.ggml.pre", { type: "string", value: "qwen2" }],
    ["tokenizer.ggml.tokens", strings(words)],
    ["tokenizer.ggml.token_type", { type: "array", array: { type: "i32", values: Int32Array.from(kinds) } }],
    ["tokenizer.ggml.merges", strings(merges)],
    ["tokenizer.ggml.bos_token_id", idOf(pad_token)],
    ["tokenizer.ggml.eos_token_id", idOf(eos_token)],
    ["tokenizer.ggml.padding_token_id", idOf(pad_token)],
    ...(unk_token === undefined ? [] : [["tokenizer.ggml.unknown_token_id", idOf(unk_token)] as const]),
    ["tokenizer.ggml.add_bos_token", { type: "bool", value: false }],
    ...(chat_template === undefined
      ? []
      : [["tokenizer.chat_template", { type: "string", value: chat_template }] as const]),
  ]);
}
