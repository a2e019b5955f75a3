import { type TokenId, tokenId } from "../base/brand.ts";
import { StringList } from "../base/string-list.ts";
import { BpeModel } from "./bpe-model.ts";
import { BpeTokenizer } from "./bpe-tokenizer.ts";
import { byteAlphabet } from "./byte-alphabet.ts";
import { TokenizerFormatError, TokenizerUnsupportedError } from "./errors.ts";
import type { GgufVocabulary } from "./gguf-vocabulary.ts";
import { inSequence, prepend, replaceAll, SPACE_MARK, unicodeForm } from "./normalizer.ts";
import { PairTable } from "./pair-table.ts";
import { wordPattern } from "./pre-tokenizer-names.ts";
import { scoredPairs } from "./scored-pairs.ts";
import { StringIndex } from "./string-index.ts";
import { byteSymboliser } from "./symbols.ts";
import { MAX_MERGE_COUNT, MAX_TOKEN_ID } from "./token-limits.ts";
import { TokenTable } from "./token-table.ts";
import type { AddedToken, Tokenizer } from "./tokenizer.ts";
import { wordsOfTokens } from "./whole-words.ts";

const TYPE_NORMAL = 1;
const TYPE_UNKNOWN = 2;
const TYPE_CONTROL = 3;
const TYPE_USER_DEFINED = 4;
const TYPE_BYTE = 6;

/** Builds a tokenizer from a GGUF file's metadata. Throws TokenizerFormatError and TokenizerUnsupportedError. */
export function tokenizerFromGguf(vocabulary: GgufVocabulary): Tokenizer {
  checkSizes(vocabulary);
  if (vocabulary.model === "gpt2") return byteLevelTokenizer(vocabulary);
  if (vocabulary.model === "llama") return sentencePieceTokenizer(vocabulary);
  const found = `model ${JSON.stringify(vocabulary.model)}`;
  throw new TokenizerUnsupportedError("tokenizer.ggml.model", found, ["gpt2", "llama"]);
}

function checkSizes(vocabulary: GgufVocabulary): void {
  const { tokens, tokenTypes, scores } = vocabulary;
  if (tokens.length === 0 || tokens.length > MAX_TOKEN_ID) {
    throw new TokenizerFormatError("tokenizer.ggml.tokens", `${tokens.length} tokens are not a vocabulary`);
  }
  const lists: readonly [string, ArrayLike<number> | undefined][] = [
    ["token_type", tokenTypes],
    ["scores", scores],
  ];
  for (const [name, list] of lists) {
    if (list !== undefined && list.length !== tokens.length) {
      throw new TokenizerFormatError(`tokenizer.ggml.${name}`, `${list.length} entries for ${tokens.length} tokens`);
    }
  }
}

function typeOf(vocabulary: GgufVocabulary, id: number): number {
  return vocabulary.tokenTypes?.[id] ?? TYPE_NORMAL;
}

function addedTokensOf(vocabulary: GgufVocabulary): AddedToken[] {
  const added = idsOfType(vocabulary, [TYPE_CONTROL, TYPE_USER_DEFINED, TYPE_UNKNOWN]);
  return added.map((id) => {
    const isUserDefined = typeOf(vocabulary, id) === TYPE_USER_DEFINED;
    // SentencePiece finds its user-defined symbols inside the prefixed text, so none of them starts a new prefix.
    const normalized = vocabulary.model === "llama" && isUserDefined;
    const flags = { lstrip: false, rstrip: false, normalized, singleWord: false };
    return { id: tokenId(id), content: vocabulary.tokens.at(id) ?? "", special: !isUserDefined, ...flags };
  });
}

/** Of its own, so that what is kept holds the types and not the rest of the file's metadata. */
function isOfType(types: ArrayLike<number> | undefined, type: number): (id: number) => boolean {
  return (id) => (types?.[id] ?? TYPE_NORMAL) === type;
}

function idsOfType(vocabulary: GgufVocabulary, types: readonly number[]): number[] {
  const ids: number[] = [];
  for (let id = 0; id < vocabulary.tokens.length; id++) if (types.includes(typeOf(vocabulary, id))) ids.push(id);
  return ids;
}

function checkedId(vocabulary: GgufVocabulary, id: number | undefined, name: string): TokenId | undefined {
  if (id === undefined) return undefined;
  if (!Number.isInteger(id) || id < 0 || id >= vocabulary.tokens.length) {
    throw new TokenizerFormatError(`tokenizer.ggml.${name}`, `${id} is outside the ${vocabulary.tokens.length} tokens`);
  }
  return tokenId(id);
}

/** `addsBos`: what the model's family does where the file does not say. */
function affixes(
  vocabulary: GgufVocabulary,
  addsBos: boolean,
): {
  bosId: TokenId | undefined;
  eosId: TokenId | undefined;
  prefix: readonly TokenId[];
  suffix: readonly TokenId[];
} {
  const bosId = checkedId(vocabulary, vocabulary.bosId, "bos_token_id");
  const eosId = checkedId(vocabulary, vocabulary.eosId, "eos_token_id");
  return {
    bosId,
    eosId,
    prefix: (vocabulary.addBos ?? addsBos) && bosId !== undefined ? [bosId] : [],
    suffix: vocabulary.addEos === true && eosId !== undefined ? [eosId] : [],
  };
}

function byteLevelTokenizer(vocabulary: GgufVocabulary): Tokenizer {
  const words = wordPattern(vocabulary.pre, "tokenizer.ggml.pre");
  const addedTokens = addedTokensOf(vocabulary);
  const ids = new StringIndex(vocabulary.tokens);
  const isNormal = isOfType(vocabulary.tokenTypes, TYPE_NORMAL);
  const unknownId = checkedId(vocabulary, vocabulary.unknownId, "unknown_token_id");
  return new BpeTokenizer({
    table: new TokenTable({
      strings: vocabulary.tokens,
      spelling: "byteAlphabet",
      // control, user-defined, unused and padding tokens are written as they are
      isLiteral: (id) => !isNormal(id),
      byteOfId: new Map(),
    }),
    ids,
    addedTokens,
    normalize: words.isComposed ? unicodeForm("NFC") : undefined,
    preTokenize: words.preTokenize,
    model: new BpeModel({
      symbolise: byteSymboliser(
        byteAlphabet().map((character) => ids.get(character)),
        unknownId,
      ),
      pairs: mergePairs(vocabulary, ids),
      wholeWords: words.ignoresMerges ? wordsOfTokens(ids, isNormal) : undefined,
      temporary: undefined,
    }),
    ...affixes(vocabulary, words.addsBos),
    stripsLeadingSpace: false,
  });
}

const SPACE = 0x20;

/** Read as bytes: a string for each of 250,000 rules and its two sides would take seconds of garbage collection. */
function mergePairs(vocabulary: GgufVocabulary, ids: StringIndex): PairTable {
  const { merges = StringList.from([]) } = vocabulary;
  if (merges.length > MAX_MERGE_COUNT) {
    throw new TokenizerFormatError("tokenizer.ggml.merges", `${merges.length} rules are more than ${MAX_MERGE_COUNT}`);
  }
  const pairs = new PairTable(merges.length);
  for (let rank = 0; rank < merges.length; rank++) {
    const [begin, end] = [merges.startOf(rank), merges.endOf(rank)];
    const space = merges.bytes.indexOf(SPACE, begin + 1);
    const isPair = space >= 0 && space < end;
    const left = isPair ? ids.find(merges.bytes, begin, space) : undefined;
    const right = isPair ? ids.find(merges.bytes, space + 1, end) : undefined;
    const merged = left === undefined || right === undefined ? undefined : ids.joined(left, right);
    if (left === undefined || right === undefined || merged === undefined) {
      throw new TokenizerFormatError(
        `tokenizer.ggml.merges[${rank}]`,
        `${JSON.stringify(merges.at(rank))} is no rule of this vocabulary`,
      );
    }
    pairs.set(left, right, rank, merged);
  }
  return pairs;
}

function sentencePieceTokenizer(vocabulary: GgufVocabulary): Tokenizer {
  const { tokens, scores } = vocabulary;
  if (scores === undefined)
    throw new TokenizerFormatError("tokenizer.ggml.scores", "a SentencePiece model needs scores");
  const byteOfId = byteTokens(vocabulary);
  const byteIds: (number | undefined)[] = new Array(256).fill(undefined);
  for (const [id, byte] of byteOfId) byteIds[byte] = id;
  const addsSpace = vocabulary.addSpacePrefix ?? true;
  const unknownId = checkedId(vocabulary, vocabulary.unknownId, "unknown_token_id");
  const [firstUnknown] = idsOfType(vocabulary, [TYPE_UNKNOWN]);
  const mergeable = (id: number): boolean =>
    typeOf(vocabulary, id) === TYPE_NORMAL || typeOf(vocabulary, id) === TYPE_USER_DEFINED;
  const toMarks = replaceAll(" ", SPACE_MARK);
  return new BpeTokenizer({
    table: new TokenTable({ strings: tokens, spelling: "spaceMark", isLiteral: isNever, byteOfId }),
    ids: new StringIndex(tokens),
    addedTokens: addedTokensOf(vocabulary),
    normalizeContent: toMarks,
    normalize: addsSpace ? inSequence([prepend(SPACE_MARK), toMarks]) : toMarks,
    preTokenize: undefined,
    model: new BpeModel({
      ...scoredPairs(tokens, scores, mergeable, {
        byteIds: byteOfId.size > 0 ? byteIds : undefined,
        unknownId: unknownId ?? firstUnknown,
        fusesUnknown: true,
      }),
      wholeWords: undefined,
    }),
    ...affixes(vocabulary, true),
    stripsLeadingSpace: addsSpace,
  });
}

/** Outside the function that uses it, so that it does not keep the vocabulary's scores. */
const isNever = (): boolean => false;

function byteTokens(vocabulary: GgufVocabulary): Map<number, number> {
  const byteOfId = new Map<number, number>();
  for (const id of idsOfType(vocabulary, [TYPE_BYTE])) {
    const hex = /^<0x([0-9A-F]{2})>$/.exec(vocabulary.tokens.at(id) ?? "")?.[1];
    if (hex !== undefined) byteOfId.set(id, Number.parseInt(hex, 16));
  }
  return byteOfId;
}
