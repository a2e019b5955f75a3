import type { StringList } from "../base/string-list.ts";
import { TokenizerFormatError } from "./errors.ts";
import { PairTable } from "./pair-table.ts";
import { StringIndex } from "./string-index.ts";
import { bytesOf, characterSymboliser, type Fallback, type SymbolIds, type Symboliser } from "./symbols.ts";

const MAX_TOKEN_LENGTH = 1024; // SentencePiece's own limit is 512 characters
const MAX_TOTAL_LENGTH = 2 ** 23; // each character is a cut to try; published vocabularies have under a million

/** Merge rules and symbols of a SentencePiece BPE vocabulary. */
export interface ScoredPairs {
  readonly symbolise: Symboliser;
  readonly pairs: PairTable;
  readonly temporary: ReadonlyMap<number, readonly number[]> | undefined;
}

/**
 * Turns scores into merge rules: SentencePiece joins the two neighbours whose join is a token of the highest score, so
 * every way to cut a token in two is a rule with the rank of its score.
 */
export function scoredPairs(
  tokens: StringList,
  scores: ArrayLike<number>,
  isMergeable: (id: number) => boolean,
  fallback: Fallback,
): ScoredPairs {
  const ids = new StringIndex(tokens, (id) => isMergeable(id) && tokens.endOf(id) > tokens.startOf(id));
  const own = ownTokens(tokens, ids);
  const { symbols, temporary } = withTemporarySymbols(ids, own, { firstId: tokens.length, fallback });
  return {
    symbolise: characterSymboliser(symbols, fallback),
    pairs: cutPairs(own, symbols, scoreRanks(own, scores)),
    temporary: temporary.size === 0 ? undefined : temporary,
  };
}

interface OwnToken {
  readonly id: number;
  readonly token: string;
}

/** Tokens that the index finds: mergeable ones, the first of equal strings. */
function ownTokens(tokens: StringList, ids: StringIndex): readonly OwnToken[] {
  const own: OwnToken[] = [];
  let totalLength = 0;
  for (let id = 0; id < tokens.length; id++) {
    if (ids.find(tokens.bytes, tokens.startOf(id), tokens.endOf(id)) !== id) continue;
    const token = tokens.at(id) ?? "";
    totalLength += token.length;
    own.push({ id, token });
  }
  if (totalLength > MAX_TOTAL_LENGTH) {
    throw new TokenizerFormatError("tokenizer.ggml.tokens", `${totalLength} characters are no vocabulary`);
  }
  return own;
}

/** A rule for every way to cut a token into two symbols. */
function cutPairs(own: readonly OwnToken[], symbols: SymbolIds, rankOf: (id: number) => number): PairTable {
  const rules: number[] = []; // left, right, rank and merged id, rule after rule
  for (const { id, token } of own) {
    if (token.length > MAX_TOKEN_LENGTH) {
      throw new TokenizerFormatError(`tokenizer.ggml.tokens[${id}]`, `a token of ${token.length} characters`);
    }
    for (let cut = 1; cut < token.length; cut++) {
      const left = symbols.get(token.slice(0, cut));
      const right = left === undefined ? undefined : symbols.get(token.slice(cut));
      if (left !== undefined && right !== undefined) rules.push(left, right, rankOf(id), id);
    }
  }
  const pairs = new PairTable(rules.length / 4);
  for (let at = 0; at < rules.length; at += 4) pairs.set(rules[at], rules[at + 1], rules[at + 2], rules[at + 3]);
  return pairs;
}

/** A character that occurs in tokens but is none itself can still start a merge: it gets an id for that time. */
function withTemporarySymbols(
  ids: StringIndex,
  own: readonly OwnToken[],
  { firstId, fallback }: { readonly firstId: number; readonly fallback: Fallback },
): { readonly symbols: SymbolIds; readonly temporary: ReadonlyMap<number, readonly number[]> } {
  const added = new Map<string, number>();
  const symbols = { get: (text: string): number | undefined => ids.get(text) ?? added.get(text) };
  const temporary = new Map<number, readonly number[]>();
  const unknown = fallback.unknownId === undefined ? [] : [fallback.unknownId];
  for (const { token } of own) {
    for (const character of token) {
      if (symbols.get(character) !== undefined) continue;
      const id = firstId + temporary.size;
      added.set(character, id);
      temporary.set(id, [...(bytesOf(character, fallback) ?? unknown)]);
    }
  }
  return { symbols, temporary };
}

function scoreRanks(own: readonly OwnToken[], scores: ArrayLike<number>): (id: number) => number {
  const distinct = [...new Set(own.map(({ id }) => scores[id]))].sort((a, b) => b - a);
  const ranks = new Map(distinct.map((score, rank) => [score, rank]));
  return (id) => ranks.get(scores[id]) ?? distinct.length;
}
