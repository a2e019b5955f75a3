import { ConfigJson } from "../config-json.ts";
import { ExportError } from "../errors.ts";
import { bool, type GgufEntries, i32s, text, texts, u32 } from "./metadata-values.ts";

/** tokenizer.ggml.token_type. */
const NORMAL = 1;
const CONTROL = 3;
const USER_DEFINED = 4;
const UNUSED = 5;

/** Parsed tokenizer.json and tokenizer_config.json of a release. */
export interface TokenizerFiles {
  readonly tokenizer: unknown;
  readonly config: unknown;
}

/** Byte-BPE vocabulary and template as GGUF keys. Throws ConfigError or ExportError for files that are no byte BPE. */
export function tokenizerMetadata(
  files: TokenizerFiles,
  { preTokenizer, vocabularySize }: { readonly preTokenizer: string; readonly vocabularySize: number },
): GgufEntries {
  const root = new ConfigJson(files.tokenizer, "tokenizer.json");
  const settings = new ConfigJson(files.config, "tokenizer_config.json");
  const model = root.object("model");
  if (model.string("type", "BPE") !== "BPE" || model.boolean("byte_fallback", false)) {
    throw new ExportError(
      "tokenizer.json holds no byte-level BPE",
      "Only the tokenizers of 2.5, 2.6, 4.5 and 4.6 are written",
    );
  }
  const { tokens, types, ids } = vocabulary(root, model, vocabularySize);
  return [
    ["tokenizer.ggml.model", text("gpt2")],
    ["tokenizer.ggml.pre", text(preTokenizer)],
    ["tokenizer.ggml.tokens", texts(tokens)],
    ["tokenizer.ggml.token_type", i32s(types)],
    ["tokenizer.ggml.merges", texts(list(model, "merges").map((pair) => mergeText(pair)))],
    ...specialIds(settings, ids),
    ["tokenizer.ggml.add_bos_token", bool(settings.boolean("add_bos_token", false))],
    ...(settings.has("chat_template")
      ? ([["tokenizer.chat_template", text(settings.string("chat_template"))]] as const)
      : []),
  ];
}

interface Vocabulary {
  readonly tokens: readonly string[];
  readonly types: readonly number[];
  readonly ids: ReadonlyMap<string, number>;
}

/** Every id of the embedding table has a token; ids that the tokenizer leaves out are written as unused. */
function vocabulary(root: ConfigJson, model: ConfigJson, size: number): Vocabulary {
  const tokens = Array.from({ length: size }, (_, id) => `[PAD${id}]`);
  const types = new Array<number>(size).fill(UNUSED);
  const ids = new Map<string, number>();
  const put = (content: string, id: number, type: number): void => {
    if (id >= size) {
      throw new ExportError(`Token ${JSON.stringify(content)} has id ${id} of ${size}`, "Take both from one release");
    }
    tokens[id] = content;
    types[id] = type;
    ids.set(content, id);
  };
  const vocab = model.raw("vocab");
  for (const [content, id] of Object.entries(vocab ?? {})) put(content, Number(id), NORMAL);
  for (const [i, entry] of list(root, "added_tokens").entries()) {
    const token = new ConfigJson(entry, `tokenizer.json.added_tokens[${i}]`);
    put(token.string("content"), token.number("id"), token.boolean("special", false) ? CONTROL : USER_DEFINED);
  }
  return { tokens, types, ids };
}

function list(parent: ConfigJson, key: string): readonly unknown[] {
  const value = parent.raw(key);
  return Array.isArray(value) ? value : [];
}

/** Merges come as "a b" or as ["a", "b"]. */
function mergeText(pair: unknown): string {
  return Array.isArray(pair) ? pair.join(" ") : String(pair);
}

const SPECIAL_IDS = [
  ["bos_token", "tokenizer.ggml.bos_token_id"],
  ["eos_token", "tokenizer.ggml.eos_token_id"],
  ["pad_token", "tokenizer.ggml.padding_token_id"],
  ["unk_token", "tokenizer.ggml.unknown_token_id"],
] as const;

function specialIds(settings: ConfigJson, ids: ReadonlyMap<string, number>): GgufEntries {
  return SPECIAL_IDS.flatMap(([key, name]) => {
    if (!settings.has(key)) return [];
    const entry = settings.raw(key);
    const content = typeof entry === "string" ? entry : settings.object(key).string("content");
    const id = ids.get(content);
    return id === undefined ? [] : [[name, u32(id)] as const];
  });
}
