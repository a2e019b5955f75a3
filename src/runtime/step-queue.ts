import { AbortedError } from "../base/errors.ts";
import { nextTurn } from "../base/next-turn.ts";
import type { DecoderRunner, StepPart } from "./decoder-runner.ts";
import type { Sequence } from "./sequence.ts";

interface Job {
  readonly parts: readonly StepPart[];
  readonly rowCount: number;
  readonly signal: AbortSignal | undefined;
  readonly into: Float32Array | undefined;
  readonly resolve: (logits: Float32Array) => void;
  readonly reject: (reason: unknown) => void;
}

/**
 * Runs steps of several answers together: whatever waits goes into the next one. Between a step and the next, answers
 * that were in it choose their tokens and come back: without waiting for them, two groups would take turns, each in steps
 * of half the rows. Beams, samples of one prompt and requests of strangers are all the same to it.
 */
export class StepQueue {
  /** Steps run and rows in them, for statistics and tests. */
  readonly counts = { steps: 0, rows: 0 };
  readonly #decoder: DecoderRunner;
  readonly #jobs: Job[] = [];
  /** Of the step before, those that have not asked for their next one. */
  readonly #awaited = new Set<Sequence>();
  #onAllBack: (() => void) | undefined;
  #isRunning = false;

  constructor(decoder: DecoderRunner) {
    this.#decoder = decoder;
  }

  /**
   * Logits of the parts' selected rows; in the memory of `into`, which the caller needs no more, where the job has a step to
   * itself. A signal that fires while the job waits takes it out.
   */
  run(parts: readonly StepPart[], signal?: AbortSignal, into?: Float32Array): Promise<Float32Array> {
    const rowCount = parts.reduce((sum, part) => sum + part.ids.length, 0);
    return new Promise((resolve, reject) => {
      this.#jobs.push({ parts, rowCount, signal, into, resolve, reject });
      for (const { sequence } of parts) this.#awaited.delete(sequence);
      if (this.#awaited.size === 0) this.#onAllBack?.();
      if (!this.#isRunning) {
        this.#isRunning = true;
        // a microtask later, so that all who ask in one go share the first step
        queueMicrotask(() => void this.#drain()); // never rejects: each job gets its own outcome
      }
    });
  }

  async #drain(): Promise<void> {
    for (;;) {
      await this.#othersBack();
      if (this.#jobs.length === 0) break;
      const batch = this.#take();
      if (batch.length === 0) continue;
      try {
        await this.#step(batch);
      } catch (error) {
        if (batch.length === 1) batch[0].reject(error);
        else for (const job of batch) await this.#step([job]).catch(job.reject);
      }
    }
    this.#isRunning = false;
  }

  /** Until all of the step before have come back, or had the time to: an answer that ended does not. */
  async #othersBack(): Promise<void> {
    if (this.#awaited.size === 0) return;
    const allBack = new Promise<void>((resolve) => {
      this.#onAllBack = resolve;
    });
    await Promise.race([allBack, nextTurn()]);
    this.#onAllBack = undefined;
    this.#awaited.clear();
  }

  #take(): Job[] {
    const batch: Job[] = [];
    let rows = 0;
    while (this.#jobs.length > 0) {
      const [job] = this.#jobs;
      if (job.signal?.aborted === true) {
        this.#jobs.shift();
        job.reject(new AbortedError("The answer", { cause: job.signal.reason }));
        continue;
      }
      if (batch.length > 0 && rows + job.rowCount > this.#decoder.largestStep) break;
      this.#jobs.shift();
      batch.push(job);
      rows += job.rowCount;
    }
    return batch;
  }

  async #step(batch: readonly Job[]): Promise<void> {
    const into = batch.length === 1 ? batch[0].into : undefined;
    const logits = await this.#decoder.step(
      batch.flatMap(({ parts }) => parts),
      into,
    );
    this.counts.steps++;
    this.counts.rows += batch.reduce((sum, { rowCount }) => sum + rowCount, 0);
    const width = this.#decoder.vocabularySize;
    let at = 0;
    for (const { parts, resolve } of batch) {
      for (const { sequence } of parts) this.#awaited.add(sequence);
      const selected = parts.reduce((sum, part) => sum + (part.select?.length ?? 1), 0);
      resolve(batch.length === 1 ? logits : logits.slice(at, at + selected * width));
      at += selected * width;
    }
  }
}
