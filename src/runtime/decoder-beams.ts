import type { BeamModel } from "./beam-search.ts";
import type { DecoderCache, Prefilled } from "./generate.ts";
import type { Lease } from "./sequence-pool.ts";

/** Beams as sequences of a decoder that share the pages of their common beginning. Dispose gives the sequences back. */
export class DecoderBeams implements BeamModel, Disposable {
  readonly #cache: DecoderCache;
  readonly #signal: AbortSignal | undefined;
  #leases: Lease[];
  readonly #spare: Lease[] = [];

  constructor(cache: DecoderCache, start: Prefilled, signal?: AbortSignal) {
    this.#cache = cache;
    this.#signal = signal;
    this.#leases = [start.lease];
  }

  async advance(parents: readonly number[], tokens: readonly number[]): Promise<readonly Float32Array[]> {
    const leases = this.#assign(parents);
    this.#leases = leases;
    this.#cache.pool.reserve(leases.length * 2);
    const logits = await this.#cache.queue.run(
      leases.map(({ sequence }, i) => ({ sequence, ids: [tokens[i]] })),
      this.#signal,
    );
    for (const [i, lease] of leases.entries()) lease.push([tokens[i]]);
    const width = this.#cache.decoder.vocabularySize;
    return leases.map((_, i) => logits.slice(i * width, (i + 1) * width));
  }

  /** The first child of a beam keeps its sequence; the others take sequences of beams that have no child. */
  #assign(parents: readonly number[]): Lease[] {
    const { pool } = this.#cache;
    const before = this.#leases;
    this.#spare.push(...before.filter((_, i) => !parents.includes(i)));
    return parents.map((parent, i) => {
      if (parents.indexOf(parent) === i) return before[parent];
      const spare = this.#spare.pop();
      if (spare === undefined) return pool.fork(before[parent]);
      pool.copy(before[parent], spare);
      return spare;
    });
  }

  [Symbol.dispose](): void {
    for (const lease of [...this.#leases, ...this.#spare]) lease.release();
  }
}
