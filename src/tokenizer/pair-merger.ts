import { MergeHeap } from "./merge-heap.ts";
import type { PairTable } from "./pair-table.ts";

const POSITIONS = 2 ** 32;
const NONE = -1; // end of the linked list inside Int32Array; never leaves this file

/**
 * Applies merge rules to a word: always the lowest rank first, the leftmost among equals.
 * A heap of (rank, position) makes a word of n symbols cost n log n, so a megabyte without a space is no trap.
 */
export class PairMerger {
  readonly #pairs: PairTable;
  readonly #heap = new MergeHeap();
  #next = new Int32Array(64);
  #previous = new Int32Array(64);

  constructor(pairs: PairTable) {
    this.#pairs = pairs;
  }

  /** Merges the first `length` symbols in place and returns how many are left. */
  merge(symbols: Int32Array, length: number): number {
    if (length < 2) return length;
    this.#link(length);
    this.#heap.clear();
    for (let at = 0; at + 1 < length; at++) this.#propose(symbols, at);
    while (this.#heap.size > 0) this.#apply(symbols, this.#heap.pop());
    let kept = 0;
    for (let at = 0; at !== NONE; at = this.#next[at]) symbols[kept++] = symbols[at];
    return kept;
  }

  #link(length: number): void {
    if (this.#next.length < length) {
      this.#next = new Int32Array(length * 2);
      this.#previous = new Int32Array(length * 2);
    }
    for (let at = 0; at < length; at++) {
      this.#next[at] = at + 1;
      this.#previous[at] = at - 1;
    }
    this.#next[length - 1] = NONE;
  }

  #propose(symbols: Int32Array, at: number): void {
    const right = this.#next[at];
    if (right === NONE) return;
    const rule = this.#pairs.find(symbols[at], symbols[right]);
    if (rule !== undefined) this.#heap.push(this.#pairs.rankAt(rule) * POSITIONS + at);
  }

  #apply(symbols: Int32Array, key: number): void {
    const rank = Math.floor(key / POSITIONS);
    const at = key - rank * POSITIONS;
    const right = this.#next[at];
    if (symbols[at] === NONE || right === NONE) return;
    // a proposal is stale when one of its two symbols has changed since; a changed symbol proposed anew
    const rule = this.#pairs.find(symbols[at], symbols[right]);
    if (rule === undefined || this.#pairs.rankAt(rule) !== rank) return;
    symbols[at] = this.#pairs.mergedAt(rule);
    symbols[right] = NONE;
    const after = this.#next[right];
    this.#next[at] = after;
    if (after !== NONE) this.#previous[after] = at;
    this.#propose(symbols, at);
    if (this.#previous[at] !== NONE) this.#propose(symbols, this.#previous[at]);
  }
}
