import type { TokenId } from "../base/brand.ts";
import { PairMerger } from "./pair-merger.ts";
import type { PairTable } from "./pair-table.ts";
import type { TokenIds } from "./string-index.ts";
import type { Symboliser } from "./symbols.ts";
import { WordCache } from "./word-cache.ts";

const CACHED_WORDS = 32_768; // two generations of it; about 6 MB when full
const CACHED_WORD_LENGTH = 64;

export interface BpeParts {
  readonly symbolise: Symboliser;
  readonly pairs: PairTable;
  /** Words that are taken whole without merging (`ignore_merges`). */
  readonly wholeWords: TokenIds | undefined;
  /** Ids that exist only while merging, and the tokens they stand for afterwards. */
  readonly temporary: ReadonlyMap<number, readonly number[]> | undefined;
}

/** Byte-pair encoding of one pre-tokenised word. */
export class BpeModel {
  readonly #parts: BpeParts;
  readonly #merger: PairMerger;
  readonly #cache = new WordCache(CACHED_WORDS, CACHED_WORD_LENGTH);

  constructor(parts: BpeParts) {
    this.#parts = parts;
    this.#merger = new PairMerger(parts.pairs);
  }

  /** Appends the word's ids to `out`. */
  encode(word: string, out: TokenId[]): void {
    let ids = this.#cache.get(word);
    if (ids === undefined) {
      ids = this.#merge(word);
      this.#cache.set(word, ids);
    }
    for (const id of ids) out.push(id as TokenId);
  }

  #merge(word: string): Int32Array {
    const whole = this.#parts.wholeWords?.get(word);
    if (whole !== undefined) return Int32Array.of(whole);
    const symbols = this.#parts.symbolise(word);
    const merged = symbols.slice(0, this.#merger.merge(symbols, symbols.length));
    const temporary = this.#parts.temporary;
    if (temporary === undefined) return merged;
    return Int32Array.from(Array.from(merged).flatMap((id) => temporary.get(id) ?? [id]));
  }
}
