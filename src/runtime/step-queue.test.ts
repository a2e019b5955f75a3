import { expect, test } from "vitest";
import type { DecoderRunner, StepPart } from "./decoder-runner.ts";
import type { Sequence } from "./sequence.ts";
import { StepQueue } from "./step-queue.ts";

const VOCABULARY = 3;

/** A decoder that only notes how many rows each step had. */
function fakeDecoder(onStep: () => void = () => {}) {
  const rows: number[] = [];
  const decoder = {
    largestStep: 16,
    vocabularySize: VOCABULARY,
    step: async (parts: readonly StepPart[]) => {
      rows.push(parts.reduce((sum, { ids }) => sum + ids.length, 0));
      onStep();
      return new Float32Array(parts.length * VOCABULARY);
    },
  } as unknown as DecoderRunner;
  return { rows, queue: new StepQueue(decoder) };
}

/** An answer of `count` tokens; between two steps it passes through as many promises as choosing and writing a token takes. */
async function answer(queue: StepQueue, { count, detours }: { count: number; detours: number }): Promise<void> {
  const sequence = {} as Sequence;
  for (let i = 0; i < count; i++) {
    await queue.run([{ sequence, ids: [1] }]);
    for (let k = 0; k < detours; k++) await undefined;
  }
}

// would catch: two groups of answers that take turns, each in steps of half the rows, because the queue goes on at once
test("answers that began at different times still share every step", async () => {
  let isSecondStarted = false;
  let second: Promise<unknown> = Promise.resolve();
  const { rows, queue } = fakeDecoder(() => {
    // two more begin while a step of the first two runs
    if (isSecondStarted) return;
    isSecondStarted = true;
    second = Promise.all([answer(queue, { count: 50, detours: 12 }), answer(queue, { count: 50, detours: 3 })]);
  });
  await Promise.all([answer(queue, { count: 50, detours: 12 }), answer(queue, { count: 50, detours: 5 })]);
  await second;
  expect(rows.reduce((sum, n) => sum + n, 0)).toBe(200);
  expect(200 / rows.length).toBeGreaterThan(3.8);
});

// would catch: a queue that waits for answers which have ended or whose reader has gone
test("an answer that ends or pauses does not hold the others up", async () => {
  const { rows, queue } = fakeDecoder();
  let release = (): void => {};
  const pause = new Promise<void>((resolve) => {
    release = resolve;
  });
  const slow = (async () => {
    await answer(queue, { count: 3, detours: 1 });
    await pause;
    await answer(queue, { count: 1, detours: 0 });
  })();
  await answer(queue, { count: 20, detours: 4 });
  expect(queue.counts).toEqual({ steps: 20, rows: 23 });
  release();
  await slow;
  expect(rows.at(-1)).toBe(1);
});

test("one answer alone waits for no turn of the event loop", async () => {
  const { queue } = fakeDecoder();
  let turns = 0;
  let isOver = false;
  const count = (): void => {
    turns++;
    if (!isOver) setImmediate(count);
  };
  const immediate = setImmediate(count);
  await answer(queue, { count: 100, detours: 6 });
  isOver = true;
  clearImmediate(immediate);
  expect(turns).toBeLessThan(5);
});
