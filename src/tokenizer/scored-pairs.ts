import { TokenizerFormatError } from "./errors.ts";
import { PairTable } from "./pair-table.ts";
import { bytesOf, characterSymboliser, type Fallback, type Symboliser } from "./symbols.ts";

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
  tokens: readonly string[],
  scores: ArrayLike<number>,
  isMergeable: (id: number) => boolean,
  fallback: Fallback,
): ScoredPairs {
  const ids = new Map<string, number>();
  tokens.forEach((token, id) => {
    if (isMergeable(id) && token !== "" && !ids.has(token)) ids.set(token, id);
  });
  const symbols = new Map(ids);
  const temporary = addTemporarySymbols(symbols, tokens.length, fallback);
  const rankOf = scoreRanks(ids, scores);
  const totalLength = [...ids.keys()].reduce((sum, token) => sum + token.length, 0);
  if (totalLength > MAX_TOTAL_LENGTH) {
    throw new TokenizerFormatError("tokenizer.ggml.tokens", `${totalLength} characters are no vocabulary`);
  }
  const rules: [number, number, number, number][] = [];
  for (const [token, id] of ids) {
    if (token.length > MAX_TOKEN_LENGTH) {
      throw new TokenizerFormatError(`tokenizer.ggml.tokens[${id}]`, `a token of ${token.length} characters`);
    }
    for (let cut = 1; cut < token.length; cut++) {
      const left = symbols.get(token.slice(0, cut));
      const right = symbols.get(token.slice(cut));
      if (left !== undefined && right !== undefined) rules.push([left, right, rankOf(id), id]);
    }
  }
  const pairs = new PairTable(rules.length);
  for (const [left, right, rank, merged] of rules) pairs.set(left, right, rank, merged);
  return {
    symbolise: characterSymboliser(symbols, fallback),
    pairs,
    temporary: temporary.size === 0 ? undefined : temporary,
  };
}

/** A character that occurs in tokens but is none itself can still start a merge: it gets an id for that time. */
function addTemporarySymbols(symbols: Map<string, number>, firstId: number, fallback: Fallback): Map<number, number[]> {
  const temporary = new Map<number, number[]>();
  for (const token of [...symbols.keys()]) {
    for (const character of token) {
      const unknown = fallback.unknownId === undefined ? [] : [fallback.unknownId];
      if (symbols.has(character)) continue;
      const id = firstId + temporary.size;
      symbols.set(character, id);
      temporary.set(id, [...(bytesOf(character, fallback) ?? unknown)]);
    }
  }
  return temporary;
}

function scoreRanks(ids: ReadonlyMap<string, number>, scores: ArrayLike<number>): (id: number) => number {
  const distinct = [...new Set(Array.from(ids.values(), (id) => scores[id]))].sort((a, b) => b - a);
  const ranks = new Map(distinct.map((score, rank) => [score, rank]));
  return (id) => ranks.get(scores[id]) ?? distinct.length;
}
