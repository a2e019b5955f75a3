/** Remembers the ids of recent words in two generations: bounded, and no bookkeeping on a hit. */
export class WordCache {
  readonly #capacity: number;
  readonly #maxWordLength: number;
  #young = new Map<string, Int32Array>();
  #old = new Map<string, Int32Array>();

  constructor(capacity: number, maxWordLength: number) {
    this.#capacity = capacity;
    this.#maxWordLength = maxWordLength;
  }

  get(word: string): Int32Array | undefined {
    return this.#young.get(word) ?? this.#old.get(word);
  }

  /** Keeps at most 2 × capacity words; longer words are not kept at all. */
  set(word: string, ids: Int32Array): void {
    if (word.length > this.#maxWordLength) return;
    if (this.#young.size >= this.#capacity) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(word, ids);
  }
}
