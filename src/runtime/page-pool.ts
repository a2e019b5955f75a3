import { ArgumentError } from "../base/errors.ts";
import { CacheFullError } from "./errors.ts";

/** Positions that one page of the cache holds. */
export const PAGE_SIZE = 64;

/**
 * Pages of a key-value cache, counted by reference, so that sequences may share a prefix. A shared page is read only:
 * who wants to write behind a shared prefix gets a page of its own.
 */
export class PagePool {
  readonly pageCount: number;
  readonly #references: Int32Array;
  readonly #free: number[];

  constructor(pageCount: number) {
    this.pageCount = pageCount;
    this.#references = new Int32Array(pageCount);
    this.#free = Array.from({ length: pageCount }, (_, i) => pageCount - 1 - i);
  }

  get freeCount(): number {
    return this.#free.length;
  }

  /** Takes a free page. Throws CacheFullError. */
  take(): number {
    const page = this.#free.pop();
    if (page === undefined) throw new CacheFullError(1, 0);
    this.#references[page] = 1;
    return page;
  }

  share(page: number): void {
    if (this.#references[page] < 1) {
      throw new ArgumentError(`page ${page} is free and cannot be shared.`, "Share pages of a living sequence.");
    }
    this.#references[page]++;
  }

  isShared(page: number): boolean {
    return this.#references[page] > 1;
  }

  release(page: number): void {
    if (this.#references[page] < 1) {
      throw new ArgumentError(`page ${page} is free already.`, "Release each page once.");
    }
    this.#references[page]--;
    if (this.#references[page] === 0) this.#free.push(page);
  }
}
