import type { DecoderRunner } from "./decoder-runner.ts";
import { CacheFullError } from "./errors.ts";
import { PAGE_SIZE } from "./page-pool.ts";
import type { Sequence } from "./sequence.ts";

/**
 * What stands at a position of a prompt: a token's id, or a negative number that names one row of one encoded picture.
 * Equal keys at equal places give equal cache contents.
 */
export type PositionKey = number;

/** A sequence while an answer works with it. */
export interface Lease {
  readonly sequence: Sequence;
  /** Leading positions that were in the cache already. */
  readonly reused: number;
  /** Notes what a finished step wrote. */
  push(keys: readonly PositionKey[]): void;
  /** Gives the sequence back; its content stays for later prompts that begin alike. */
  release(): void;
}

interface Entry {
  readonly sequence: Sequence;
  keys: PositionKey[];
  isBusy: boolean;
  lastUsed: number;
}

/** Tail that may be thrown away to continue a conversation in place: the end of the turn and the next prompt's start. */
const SHORT_TAIL = 16;

/**
 * The conversations in a decoder's cache. A prompt starts from the longest kept beginning that it shares; what has not
 * been used for longest makes room.
 */
export class SequencePool {
  readonly #decoder: DecoderRunner;
  readonly #entries = new Set<Entry>();
  #clock = 0;

  constructor(decoder: DecoderRunner) {
    this.#decoder = decoder;
  }

  /** A sequence that holds a beginning of `keys`, never all of them. Throws ArgumentError when all are at work. */
  acquire(keys: readonly PositionKey[]): Lease {
    const found = this.#longest(keys);
    if (found !== undefined && this.#mayContinue(found)) {
      const { entry, common } = found;
      entry.sequence.truncate(common);
      entry.keys.length = common;
      return this.#lease(entry, common);
    }
    const entry = this.#open(found?.entry);
    if (found !== undefined && this.#entries.has(found.entry)) {
      this.#decoder.fork(found.entry.sequence, entry.sequence, found.common);
      entry.keys = found.entry.keys.slice(0, found.common);
      found.entry.lastUsed = ++this.#clock;
      return this.#lease(entry, found.common);
    }
    return this.#lease(entry, 0);
  }

  /** Leading positions of `keys` that are kept. */
  keptLength(keys: readonly PositionKey[]): number {
    return this.#longest(keys)?.common ?? 0;
  }

  /** A second sequence with the same content: another sample, another beam. */
  fork(lease: Lease): Lease {
    const from = this.#entryOf(lease.sequence);
    const entry = this.#open(from);
    this.#decoder.fork(from.sequence, entry.sequence, from.keys.length);
    entry.keys = [...from.keys];
    return this.#lease(entry, from.keys.length);
  }

  /** Makes `to` a copy of `from`: a beam that goes on from another one. */
  copy(from: Lease, to: Lease): void {
    const [source, target] = [this.#entryOf(from.sequence), this.#entryOf(to.sequence)];
    this.#decoder.fork(source.sequence, target.sequence, source.keys.length);
    target.keys = [...source.keys];
  }

  /**
   * Keeps the present content for later prompts while the lease goes on: recurrent state cannot be wound back. Does
   * nothing where every sequence is at work.
   */
  snapshot(lease: Lease): void {
    if (this.#decoder.freeSequenceCount > 0 || this.#oldestIdle() !== undefined) this.fork(lease).release();
  }

  /** Frees cache pages until `positions` more fit, the oldest conversation first. Throws CacheFullError. */
  reserve(positions: number): void {
    const pages = Math.ceil(positions / PAGE_SIZE) + 1;
    while (this.#decoder.freePageCount < pages) {
      const oldest = this.#oldestIdle();
      if (oldest === undefined) throw new CacheFullError(pages, this.#decoder.freePageCount);
      this.#drop(oldest);
    }
  }

  /** Forgets every kept conversation. */
  clear(): void {
    for (const entry of [...this.#entries]) if (!entry.isBusy) this.#drop(entry);
  }

  #longest(keys: readonly PositionKey[]): { entry: Entry; common: number } | undefined {
    let best: { entry: Entry; common: number } | undefined;
    for (const entry of this.#entries) {
      const common = commonLength(entry.keys, keys, keys.length - 1);
      // recurrent state stands at the end of what a sequence has read, and nowhere else
      const isUsable = this.#decoder.isRecurrent ? common === entry.keys.length && !entry.isBusy : true;
      if (isUsable && common > (best?.common ?? 0)) best = { entry, common };
    }
    return best;
  }

  #mayContinue({ entry, common }: { entry: Entry; common: number }): boolean {
    if (entry.isBusy || this.#decoder.isRecurrent) return false;
    return entry.keys.length - common <= SHORT_TAIL;
  }

  #open(kept: Entry | undefined): Entry {
    if (this.#decoder.freeSequenceCount === 0) {
      const victim = this.#oldestIdle(kept) ?? this.#oldestIdle();
      if (victim !== undefined) this.#drop(victim);
    }
    const entry: Entry = { sequence: this.#decoder.open(), keys: [], isBusy: true, lastUsed: ++this.#clock };
    this.#entries.add(entry);
    return entry;
  }

  #lease(entry: Entry, reused: number): Lease {
    entry.isBusy = true;
    entry.lastUsed = ++this.#clock;
    return {
      sequence: entry.sequence,
      reused,
      push: (keys) => {
        for (const key of keys) entry.keys.push(key);
      },
      release: () => {
        entry.isBusy = false;
        entry.lastUsed = ++this.#clock;
        // a step that failed or was never noted must not be found by a later prompt
        if (entry.sequence.length !== entry.keys.length) {
          if (this.#decoder.isRecurrent) this.#drop(entry);
          else entry.sequence.truncate(entry.keys.length);
        }
      },
    };
  }

  #entryOf(sequence: Sequence): Entry {
    for (const entry of this.#entries) if (entry.sequence === sequence) return entry;
    throw new CacheFullError(1, 0);
  }

  #oldestIdle(except?: Entry): Entry | undefined {
    let oldest: Entry | undefined;
    for (const entry of this.#entries) {
      if (entry.isBusy || entry === except) continue;
      if (oldest === undefined || entry.lastUsed < oldest.lastUsed) oldest = entry;
    }
    return oldest;
  }

  #drop(entry: Entry): void {
    this.#entries.delete(entry);
    this.#decoder.close(entry.sequence);
  }
}

function commonLength(a: readonly PositionKey[], b: readonly PositionKey[], limit: number): number {
  const end = Math.min(a.length, b.length, limit);
  let at = 0;
  while (at < end && a[at] === b[at]) at++;
  return at;
}
