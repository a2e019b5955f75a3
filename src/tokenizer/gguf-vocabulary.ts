import { StringList } from "../base/string-list.ts";
import { TokenizerFormatError } from "./errors.ts";

/** The tokenizer part of a GGUF file's metadata (`tokenizer.ggml.*`), absent keys left out. */
export interface GgufVocabulary {
  /** `gpt2`: byte-level pairs with merge rules; `llama`: SentencePiece with scores. */
  readonly model: string;
  /** Name of the word pattern, for `gpt2`. */
  readonly pre?: string | undefined;
  readonly tokens: StringList;
  /** 1 normal, 2 unknown, 3 control, 4 user-defined, 5 unused, 6 byte. */
  readonly tokenTypes?: ArrayLike<number> | undefined;
  readonly scores?: ArrayLike<number> | undefined;
  readonly merges?: StringList | undefined;
  readonly bosId?: number | undefined;
  readonly eosId?: number | undefined;
  readonly unknownId?: number | undefined;
  readonly addBos?: boolean | undefined;
  readonly addEos?: boolean | undefined;
  readonly addSpacePrefix?: boolean | undefined;
}

/** Picks the vocabulary out of GGUF metadata. `read` gives a key's value, strings as an array or a StringList, or undefined. Throws TokenizerFormatError. */
export function ggufVocabulary(read: (key: string) => unknown): GgufVocabulary {
  const get = (name: string): unknown => read(`tokenizer.ggml.${name}`);
  const fail = (name: string, expected: string): never => {
    throw new TokenizerFormatError(`tokenizer.ggml.${name}`, `expected ${expected}`);
  };
  const optional = <T>(name: string, expected: string, is: (value: unknown) => value is T): T | undefined => {
    const value = get(name);
    return value === undefined || is(value) ? value : fail(name, expected);
  };
  const strings = (name: string): StringList | undefined => {
    const list = optional(name, "an array of strings", isStrings);
    return Array.isArray(list) ? StringList.from(list) : list;
  };
  return {
    model: optional("model", "a string", isString) ?? fail("model", "a string"),
    pre: optional("pre", "a string", isString),
    tokens: strings("tokens") ?? fail("tokens", "an array of strings"),
    tokenTypes: optional("token_type", "an array of numbers", isNumbers),
    scores: optional("scores", "an array of numbers", isNumbers),
    merges: strings("merges"),
    bosId: optional("bos_token_id", "a number", isNumber),
    eosId: optional("eos_token_id", "a number", isNumber),
    unknownId: optional("unknown_token_id", "a number", isNumber),
    addBos: optional("add_bos_token", "true or false", isBoolean),
    addEos: optional("add_eos_token", "true or false", isBoolean),
    addSpacePrefix: optional("add_space_prefix", "true or false", isBoolean),
  };
}

function isString(value: unknown): value is string {
  return typeof value === "string";
}

function isNumber(value: unknown): value is number {
  return typeof value === "number";
}

function isBoolean(value: unknown): value is boolean {
  return typeof value === "boolean";
}

function isStrings(value: unknown): value is StringList | string[] {
  return value instanceof StringList || (Array.isArray(value) && value.every(isString));
}

function isNumbers(value: unknown): value is ArrayLike<number> {
  return (ArrayBuffer.isView(value) && !(value instanceof DataView)) || (Array.isArray(value) && value.every(isNumber));
}
