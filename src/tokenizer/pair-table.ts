const EMPTY = 0xffffffff;

/** Merge rules by the ids of the two neighbours: open addressing in one typed array, as a word asks for many pairs. */
export class PairTable {
  readonly #slots: Uint32Array; // [capacity, 4]: left, right, rank, merged id
  readonly #mask: number;

  constructor(pairCount: number) {
    const capacity = 2 ** Math.ceil(Math.log2(Math.max(8, pairCount * 2)));
    this.#slots = new Uint32Array(capacity * 4).fill(EMPTY);
    this.#mask = capacity - 1;
  }

  /** A later rule for the same pair replaces the earlier one, as in the reference. */
  set(left: number, right: number, rank: number, merged: number): void {
    const at = this.#locate(left, right);
    this.#slots[at] = left;
    this.#slots[at + 1] = right;
    this.#slots[at + 2] = rank;
    this.#slots[at + 3] = merged;
  }

  /** Place of the rule, for `rankAt` and `mergedAt`. */
  find(left: number, right: number): number | undefined {
    const at = this.#locate(left, right);
    return this.#slots[at] === EMPTY ? undefined : at;
  }

  rankAt(place: number): number {
    return this.#slots[place + 2];
  }

  mergedAt(place: number): number {
    return this.#slots[place + 3];
  }

  #locate(left: number, right: number): number {
    const slots = this.#slots;
    let hash = Math.imul(left, 0x9e3779b1) ^ Math.imul(right, 0x85ebca6b);
    hash ^= hash >>> 15;
    let at = (hash & this.#mask) * 4;
    while (slots[at] !== EMPTY && (slots[at] !== left || slots[at + 1] !== right)) at = (at + 4) & (slots.length - 1);
    return at;
  }
}
