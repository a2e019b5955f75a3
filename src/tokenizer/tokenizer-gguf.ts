import { type TokenId, tokenId } from "../base/brand.ts";
import { BpeModel } from "./bpe-model.ts";
import { BpeTokenizer } from "./bpe-tokenizer.ts";
import { byteAlphabet } from "./byte-alphabet.ts";
import { TokenizerFormatError, TokenizerUnsupportedError } from "./errors.ts";
import type { GgufVocabulary } from "./gguf-vocabulary.ts";
import { inSequence, prepend, replaceAll, SPACE_MARK, unicodeForm } from "./normalizer.ts";
import { PairTable } from "./pair-table.ts";
import { wordPattern } from "./pre-tokenizer-names.ts";
import { scoredPairs } from "./scored-pairs.ts";
import { byteSymboliser } from "./symbols.ts";
import { MAX_MERGE_COUNT, MAX_TOKEN_ID } from "./token-limits.ts";
import { idsByString, TokenTable } from "./token-table.ts";
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
  return vocabulary.tokens.flatMap((content, id) => {
    const type = typeOf(vocabulary, id);
    if (type !== TYPE_CONTROL && type !== TYPE_USER_DEFINED && type !== TYPE_UNKNOWN) return [];
    // SentencePiece finds its user-defined symbols inside the prefixed text, so none of them starts a new prefix.
    const normalized = vocabulary.model === "llama" && type === TYPE_USER_DEFINED;
    const flags = { lstrip: false, rstrip: false, normalized, singleWord: false };
    return [{ id: tokenId(id), content, special: type !== TYPE_USER_DEFINED, ...flags }];
  });
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
  const ids = idsByString(vocabulary.tokens);
  const ordinary = new Map([...ids].filter(([, id]) => typeOf(vocabulary, id) === TYPE_NORMAL));
  const unknownId = checkedId(vocabulary, vocabulary.unknownId, "unknown_token_id");
  return new BpeTokenizer({
    table: new TokenTable({
      strings: vocabulary.tokens,
      spelling: "byteAlphabet",
      // control, user-defined, unused and padding tokens are written as they are
      literalIds: new Set(Array.from(vocabulary.tokens.keys()).filter((id) => typeOf(vocabulary, id) !== TYPE_NORMAL)),
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
      wholeWords: words.ignoresMerges ? wordsOfTokens(ordinary) : undefined,
      temporary: undefined,
    }),
    ...affixes(vocabulary, words.addsBos),
    stripsLeadingSpace: false,
  });
}

function mergePairs(vocabulary: GgufVocabulary, ids: ReadonlyMap<string, number>): PairTable {
  const merges = vocabulary.merges ?? [];
  if (merges.length > MAX_MERGE_COUNT) {
    throw new TokenizerFormatError("tokenizer.ggml.merges", `${merges.length} rules are more than ${MAX_MERGE_COUNT}`);
  }
  const pairs = new PairTable(merges.length);
  merges.forEach((rule, rank) => {
    const space = rule.indexOf(" ", 1);
    const left = ids.get(rule.slice(0, Math.max(0, space)));
    const right = ids.get(rule.slice(space + 1));
    const merged = ids.get(rule.slice(0, Math.max(0, space)) + rule.slice(space + 1));
    if (space < 1 || left === undefined || right === undefined || merged === undefined) {
      throw new TokenizerFormatError(
        `tokenizer.ggml.merges[${rank}]`,
        `${JSON.stringify(rule)} is no rule of this vocabulary`,
      );
    }
    pairs.set(left, right, rank, merged);
  });
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
  const firstUnknown = tokens.findIndex((_, id) => typeOf(vocabulary, id) === TYPE_UNKNOWN);
  const mergeable = (id: number): boolean =>
    typeOf(vocabulary, id) === TYPE_NORMAL || typeOf(vocabulary, id) === TYPE_USER_DEFINED;
  const toMarks = replaceAll(" ", SPACE_MARK);
  return new BpeTokenizer({
    table: new TokenTable({ strings: tokens, spelling: "spaceMark", literalIds: new Set(), byteOfId }),
    ids: idsByString(tokens),
    addedTokens: addedTokensOf(vocabulary),
    normalizeContent: toMarks,
    normalize: addsSpace ? inSequence([prepend(SPACE_MARK), toMarks]) : toMarks,
    preTokenize: undefined,
    model: new BpeModel({
      ...scoredPairs(tokens, scores, mergeable, {
        byteIds: byteOfId.size > 0 ? byteIds : undefined,
        unknownId: unknownId ?? (firstUnknown < 0 ? undefined : firstUnknown),
        fusesUnknown: true,
      }),
      wholeWords: undefined,
    }),
    ...affixes(vocabulary, true),
    stripsLeadingSpace: addsSpace,
  });
}

function byteTokens(vocabulary: GgufVocabulary): Map<number, number> {
  const byteOfId = new Map<number, number>();
  vocabulary.tokens.forEach((token, id) => {
    const hex = typeOf(vocabulary, id) === TYPE_BYTE ? /^<0x([0-9A-F]{2})>$/.exec(token)?.[1] : undefined;
    if (hex !== undefined) byteOfId.set(id, Number.parseInt(hex, 16));
  });
  return byteOfId;
}
