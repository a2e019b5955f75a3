import { expect, test } from "vitest";
import type { DecoderRunner } from "./decoder-runner.ts";
import { PAGE_SIZE, PagePool } from "./page-pool.ts";
import { Sequence } from "./sequence.ts";
import { SequencePool } from "./sequence-pool.ts";

/** The part of a decoder that the pool sees, without numbers: pages and indices are real. */
function fakeDecoder({ sequences = 2, pages = 8, isRecurrent = false } = {}) {
  const pool = new PagePool(pages);
  const free = Array.from({ length: sequences }, (_, i) => i);
  const decoder: Pick<
    DecoderRunner,
    "isRecurrent" | "freeSequenceCount" | "freePageCount" | "open" | "close" | "fork"
  > = {
    isRecurrent,
    get freeSequenceCount() {
      return free.length;
    },
    get freePageCount() {
      return pool.freeCount;
    },
    open: () => new Sequence(free.pop() ?? 99, { pool, capacity: 512, copyPage: () => {} }),
    close: (sequence) => {
      free.push(sequence.index);
      sequence[Symbol.dispose]();
    },
    fork: (from, to, length) => to.adopt(from, length),
  };
  return decoder as DecoderRunner;
}

function read(pool: SequencePool, keys: readonly number[]): number {
  const lease = pool.acquire(keys);
  const rest = keys.slice(lease.reused);
  lease.sequence.extend(rest.length);
  lease.push(rest);
  lease.release();
  return lease.reused;
}

const keys = (...parts: readonly (readonly [number, number])[]): number[] =>
  parts.flatMap(([value, count]) => Array.from({ length: count }, () => value));

// catches a prompt that is wholly kept leaving no row to give logits
test("at least one position is always read", () => {
  const pool = new SequencePool(fakeDecoder());
  read(pool, keys([1, 10]));
  expect(read(pool, keys([1, 10]))).toBe(9);
});

// catches a second question that throws away the first one's conversation, or that does not find the shared beginning
test("a prompt that leaves the kept one early forks it and both stay", () => {
  const pool = new SequencePool(fakeDecoder());
  read(pool, keys([1, 100], [2, 50]));
  expect(read(pool, keys([1, 100], [3, 50]))).toBe(100);
  expect(pool.keptLength(keys([1, 100], [2, 50], [9, 1]))).toBe(150);
  expect(pool.keptLength(keys([1, 100], [3, 50], [9, 1]))).toBe(150);
});

// catches recurrent state taken up in the middle, where it never stood
test("recurrent state is taken up at the end of what it has read, and nowhere else", () => {
  const pool = new SequencePool(fakeDecoder({ isRecurrent: true, sequences: 3 }));
  read(pool, keys([1, 100], [2, 50]));
  expect(read(pool, keys([1, 100], [3, 50]))).toBe(0);
  expect(read(pool, keys([1, 100], [2, 50], [4, 5]))).toBe(150);
});

// catches a cache that fills up for good, or that evicts what is at work
test("the conversation not used for longest makes room for pages", () => {
  const pool = new SequencePool(fakeDecoder({ sequences: 3, pages: 4 }));
  read(pool, keys([1, PAGE_SIZE]));
  read(pool, keys([2, PAGE_SIZE]));
  pool.reserve(2 * PAGE_SIZE);
  expect(pool.keptLength(keys([1, PAGE_SIZE], [9, 1]))).toBe(0);
  expect(pool.keptLength(keys([2, PAGE_SIZE], [9, 1]))).toBe(PAGE_SIZE);
  const busy = pool.acquire(keys([5, 10]));
  busy.sequence.extend(2 * PAGE_SIZE);
  expect(() => pool.reserve(3 * PAGE_SIZE)).toThrow(/pages/);
});

// catches a failed step whose positions a later prompt takes for read
test("positions that were never noted are dropped when the sequence comes back", () => {
  const pool = new SequencePool(fakeDecoder());
  const lease = pool.acquire(keys([1, 20]));
  lease.sequence.extend(20);
  lease.release();
  expect(read(pool, keys([1, 20]))).toBe(0);
});
