import { tokenId } from "../base/brand.ts";
import { StringList } from "../base/string-list.ts";
import { BpeModel } from "./bpe-model.ts";
import { BpeTokenizer } from "./bpe-tokenizer.ts";
import { byteAlphabet } from "./byte-alphabet.ts";
import { TokenizerUnsupportedError } from "./errors.ts";
import { JsonReader } from "./json-reader.ts";
import { PairTable } from "./pair-table.ts";
import { StringIndex, type TokenIds } from "./string-index.ts";
import { byteSymboliser, characterSymboliser, type Symboliser } from "./symbols.ts";
import { MAX_MERGE_COUNT, MAX_TOKEN_ID } from "./token-limits.ts";
import { TokenTable } from "./token-table.ts";
import type { AddedToken, Tokenizer } from "./tokenizer.ts";
import { readDecoder, readNormalizer, readPostProcessor, readPreTokenizer } from "./tokenizer-json-parts.ts";
import { wordsOfTokens } from "./whole-words.ts";

/**
 * Builds a tokenizer from a parsed Hugging Face `tokenizer.json` and, where there is one, `tokenizer_config.json`.
 * Throws TokenizerFormatError and TokenizerUnsupportedError.
 */
export function tokenizerFromJson(file: unknown, config?: unknown): Tokenizer {
  const root = new JsonReader(file, "tokenizer.json");
  const settings = new JsonReader(config ?? {}, "tokenizer_config.json");
  const model = root.at("model");
  requireBpe(model);
  const words = readVocabulary(model.at("vocab"));
  const wordIds = indexOf(words);
  const addedTokens = root.at("added_tokens").optionalEntries().map(readAddedToken);
  const ids = withAddedTokens(wordIds, addedTokens);
  for (const token of addedTokens) words[token.id] = token.content;
  const preTokenizer = readPreTokenizer(root.at("pre_tokenizer"));
  const decoder = readDecoder(root.at("decoder"), preTokenizer.isByteLevel);
  const affixes = readPostProcessor(root.at("post_processor"), settings, ids);
  const byteFallback = model.at("byte_fallback").boolean(false) ? byteTokenIds(wordIds) : undefined;
  return new BpeTokenizer({
    table: new TokenTable({
      strings: packed(words),
      spelling: decoder.isByteLevel ? "byteAlphabet" : "spaceMark",
      isLiteral: isAnyOf(addedTokens),
      isGap: isGapIn(words),
      byteOfId: new Map(byteFallback?.flatMap((id, byte) => (id === undefined ? [] : [[id, byte] as const])) ?? []),
    }),
    ids,
    addedTokens,
    normalize: readNormalizer(root.at("normalizer")),
    preTokenize: preTokenizer.preTokenize,
    model: readModel(model, wordIds, byteFallback, preTokenizer.isByteLevel),
    prefix: affixes.prefix,
    suffix: affixes.suffix,
    bosId: affixes.bosId,
    eosId: affixes.eosId,
    stripsLeadingSpace: decoder.stripsLeadingSpace,
  });
}

function requireBpe(model: JsonReader): void {
  const type = model.at("type").optionalString() ?? "BPE";
  if (type !== "BPE") throw new TokenizerUnsupportedError(model.place, `model type ${JSON.stringify(type)}`, ["BPE"]);
  for (const key of ["continuing_subword_prefix", "end_of_word_suffix"]) {
    const affix = model.at(key).optionalString() ?? "";
    if (affix !== "") throw new TokenizerUnsupportedError(model.at(key).place, JSON.stringify(affix), ["no affixes"]);
  }
}

/** Tokens by id; files may leave gaps. */
function readVocabulary(vocab: JsonReader): (string | undefined)[] {
  const words: (string | undefined)[] = [];
  const record = vocab.record();
  for (const [token, value] of Object.entries(record)) {
    // Checked in place: a reader object per entry would double the time to open a file.
    const isId = typeof value === "number" && Number.isInteger(value) && value >= 0 && value < MAX_TOKEN_ID;
    const id = isId ? value : vocab.at(token).index(MAX_TOKEN_ID);
    words[id] = token;
  }
  return words;
}

const packed = (words: readonly (string | undefined)[]): StringList =>
  StringList.from(Array.from(words, (word) => word ?? ""));

// What stays must not share a scope with the parsed file: a closure keeps everything that any closure of its scope uses.

function indexOf(words: readonly (string | undefined)[]): StringIndex {
  return new StringIndex(packed(words), (id) => words[id] !== undefined);
}

function isGapIn(words: readonly (string | undefined)[]): (id: number) => boolean {
  const isToken = Uint8Array.from(words, (word) => (word === undefined ? 0 : 1));
  return (id) => isToken[id] === 0;
}

function isAnyOf(tokens: readonly AddedToken[]): (id: number) => boolean {
  const ids = new Set<number>(tokens.map((token) => token.id));
  return (id) => ids.has(id);
}

/** The id that an added token says counts, whatever its string is in the vocabulary. */
function withAddedTokens(wordIds: TokenIds, addedTokens: readonly AddedToken[]): TokenIds {
  const added = new Map(addedTokens.map(({ content, id }) => [content, id]));
  return { get: (token) => added.get(token) ?? wordIds.get(token) };
}

function readAddedToken(entry: JsonReader): AddedToken {
  return {
    id: tokenId(entry.at("id").index(MAX_TOKEN_ID)),
    content: entry.at("content").string(),
    special: entry.at("special").boolean(false),
    lstrip: entry.at("lstrip").boolean(false),
    rstrip: entry.at("rstrip").boolean(false),
    normalized: entry.at("normalized").boolean(true),
    singleWord: entry.at("single_word").boolean(false),
  };
}

/** Ids of `<0x00>` … `<0xFF>`. */
function byteTokenIds(ids: TokenIds): (number | undefined)[] {
  return Array.from({ length: 256 }, (_, byte) => ids.get(`<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`));
}

function readModel(
  model: JsonReader,
  ids: StringIndex,
  byteIds: readonly (number | undefined)[] | undefined,
  isByteLevel: boolean,
): BpeModel {
  const unknown = model.at("unk_token").optionalString();
  const unknownId = unknown === undefined ? undefined : ids.get(unknown);
  if (unknown !== undefined && unknownId === undefined) {
    return model.at("unk_token").fail(`${JSON.stringify(unknown)} is not in the vocabulary`);
  }
  const symbolise: Symboliser = isByteLevel
    ? byteSymboliser(
        byteAlphabet().map((character) => ids.get(character)),
        unknownId,
      )
    : characterSymboliser(ids, { byteIds, unknownId, fusesUnknown: model.at("fuse_unk").boolean(false) });
  const ignoresMerges = model.at("ignore_merges").boolean(false);
  const wholeWords = ignoresMerges && isByteLevel ? wordsOfTokens(ids) : ignoresMerges ? ids : undefined;
  return new BpeModel({ symbolise, pairs: readMerges(model.at("merges"), ids), wholeWords, temporary: undefined });
}

function readMerges(merges: JsonReader, ids: StringIndex): PairTable {
  const rules: unknown = merges.value;
  if (!Array.isArray(rules)) return merges.fail("expected an array of merge rules");
  if (rules.length > MAX_MERGE_COUNT) return merges.fail(`${rules.length} rules are more than ${MAX_MERGE_COUNT}`);
  const pairs = new PairTable(rules.length);
  const ruleList: readonly unknown[] = rules;
  for (const [rank, rule] of ruleList.entries()) {
    const place = (): JsonReader => new JsonReader(rule, `${merges.place}[${rank}]`);
    const [left, right] = readRule(rule) ?? place().fail("expected two tokens");
    const leftId = ids.get(left);
    const rightId = ids.get(right);
    const mergedId = leftId === undefined || rightId === undefined ? undefined : ids.joined(leftId, rightId);
    if (leftId === undefined || rightId === undefined || mergedId === undefined) {
      return place().fail(`${JSON.stringify(left)} + ${JSON.stringify(right)} is not all in the vocabulary`);
    }
    pairs.set(leftId, rightId, rank, mergedId);
  }
  return pairs;
}

/** Merge rules come as "a b" in older files and as ["a", "b"] in newer ones. */
function readRule(rule: unknown): readonly [string, string] | undefined {
  if (typeof rule === "string") {
    const space = rule.indexOf(" ");
    return space < 1 ? undefined : [rule.slice(0, space), rule.slice(space + 1)];
  }
  if (!Array.isArray(rule) || rule.length !== 2) return undefined;
  const [left, right]: unknown[] = rule;
  return typeof left === "string" && typeof right === "string" ? [left, right] : undefined;
}
