import { DisposedError } from "../base/errors.ts";
import { CacheFullError, ContextLengthError } from "./errors.ts";
import { PAGE_SIZE, type PagePool } from "./page-pool.ts";

/** Copies the rows of one page to another, for a sequence that goes on behind a shared prefix. */
export type CopyPage = (from: number, to: number) => void;

/** One conversation's place in the cache: which pages hold its positions, and how many there are. */
export class Sequence implements Disposable {
  /** Row of the block table and index of the recurrent state. */
  readonly index: number;
  readonly #pool: PagePool;
  readonly #capacity: number;
  readonly #copyPage: CopyPage;
  readonly #pages: number[] = [];
  #length = 0;
  #isDisposed = false;

  /** `capacity` is the context length in positions. */
  constructor(
    index: number,
    { pool, capacity, copyPage }: { readonly pool: PagePool; readonly capacity: number; readonly copyPage: CopyPage },
  ) {
    this.index = index;
    this.#pool = pool;
    this.#capacity = capacity;
    this.#copyPage = copyPage;
  }

  /** Positions written so far. */
  get length(): number {
    return this.#length;
  }

  get pages(): readonly number[] {
    return this.#pages;
  }

  /** Makes room for `count` more positions and returns their slots. Throws ContextLengthError or CacheFullError. */
  extend(count: number): Int32Array {
    this.#check();
    const length = this.#length + count;
    if (length > this.#capacity) throw new ContextLengthError(length, this.#capacity);
    const missing = Math.ceil(length / PAGE_SIZE) - this.#pages.length;
    this.#ownLastPage();
    if (missing > this.#pool.freeCount) throw new CacheFullError(missing, this.#pool.freeCount);
    for (let i = 0; i < missing; i++) this.#pages.push(this.#pool.take());
    const slots = Int32Array.from({ length: count }, (_, i) => this.slotOf(this.#length + i));
    this.#length = length;
    return slots;
  }

  slotOf(position: number): number {
    return this.#pages[Math.floor(position / PAGE_SIZE)] * PAGE_SIZE + (position % PAGE_SIZE);
  }

  /** Forgets everything from `length` on. */
  truncate(length: number): void {
    this.#check();
    this.#length = Math.min(this.#length, length);
    const kept = Math.ceil(this.#length / PAGE_SIZE);
    for (const page of this.#pages.splice(kept)) this.#pool.release(page);
  }

  /** Takes over the first `length` positions of `other`. Pages are shared until one of the two writes behind them. */
  adopt(other: Sequence, length: number): void {
    const pages = other.#pages.slice(0, Math.ceil(length / PAGE_SIZE));
    for (const page of pages) this.#pool.share(page);
    this.truncate(0);
    this.#pages.push(...pages);
    this.#length = length;
  }

  /** A page half full may be shared: whoever writes into it first takes a copy. */
  #ownLastPage(): void {
    if (this.#length % PAGE_SIZE === 0) return;
    const last = Math.floor(this.#length / PAGE_SIZE);
    const shared = this.#pages[last];
    if (!this.#pool.isShared(shared)) return;
    const own = this.#pool.take();
    this.#copyPage(shared, own);
    this.#pool.release(shared);
    this.#pages[last] = own;
  }

  [Symbol.dispose](): void {
    this.#check();
    this.truncate(0);
    this.#isDisposed = true;
  }

  #check(): void {
    if (this.#isDisposed) throw new DisposedError(`sequence ${this.index}`, "used");
  }
}
