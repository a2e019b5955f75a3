import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { SampleOptions } from "./sample.ts";
import type { Sample } from "./types.ts";

export interface StreamOptions extends SampleOptions {
  readonly seed: number;
  /** First index to make; a resumed run passes the index after the last one it used. */
  readonly from?: number;
  /** First index not to make; endless when absent. */
  readonly to?: number;
  /** Producer processes, 1 when absent. */
  readonly workers?: number;
  /** Samples made ahead per producer, 16 when absent: the bound on memory. */
  readonly ahead?: number;
}

export interface StreamedSample {
  readonly index: number;
  readonly sample: Sample;
}

/** What a producer is told at its start. */
export interface ProducerSetup {
  readonly seed: number;
  readonly options: SampleOptions;
}

export type ProducerMessage = ProducerSetup | number;

type ProducerAnswer = StreamedSample | { readonly index: number; readonly failure: string };

// The canvas keeps a little native memory for every face and size; a fresh process now and then gives it all back.
const samplesPerProducer = 20_000;

/**
 * Yields samples in order of index, made ahead in processes of their own; the same sequence for any number of them.
 * Processes rather than threads: the canvas's native memory ends with its process, and a crash there is only an error here.
 */
export async function* sampleStream(options: StreamOptions): AsyncGenerator<StreamedSample, void, undefined> {
  const { seed, from = 0, to = Number.POSITIVE_INFINITY, workers: count = 1, ahead = 16, stage, splits } = options;
  const setup: ProducerSetup = { seed, options: splits === undefined ? { stage } : { stage, splits } };
  const producers = Array.from({ length: count }, () => new Producer(setup));
  const waiting = new Map<number, Promise<Sample>>();
  try {
    let asked = from;
    for (let index = from; index < to; index++) {
      for (; asked < Math.min(index + ahead * count, to); asked++) {
        const made = producers[asked % count].make(asked);
        // A failure is reported to whoever awaits that index; until then it must not count as unhandled.
        made.catch(() => {});
        waiting.set(asked, made);
      }
      const made = await waiting.get(index);
      waiting.delete(index);
      if (made !== undefined) yield { index, sample: made };
    }
  } finally {
    for (const producer of producers) producer.stop();
  }
}

class Producer {
  readonly #setup: ProducerSetup;
  readonly #pending = new Map<number, PromiseWithResolvers<Sample>>();
  #child: ChildProcess | undefined;
  #asked = 0;

  constructor(setup: ProducerSetup) {
    this.#setup = setup;
  }

  make(index: number): Promise<Sample> {
    if (this.#asked >= samplesPerProducer) this.#retire();
    this.#child ??= this.#start();
    this.#asked++;
    const pending = Promise.withResolvers<Sample>();
    this.#pending.set(index, pending);
    this.#child.send(index satisfies ProducerMessage);
    return pending.promise;
  }

  stop(): void {
    this.#child?.kill();
    this.#child = undefined;
  }

  /** Lets the old process finish what it was asked and go. */
  #retire(): void {
    const old = this.#child;
    this.#child = undefined;
    this.#asked = 0;
    if (old === undefined) return;
    const last = [...this.#pending.values()].map(({ promise }) => promise);
    void Promise.allSettled(last).then(() => old.kill());
  }

  #start(): ChildProcess {
    const path = fileURLToPath(new URL("./stream-producer.ts", import.meta.url));
    const child = fork(path, [], { serialization: "advanced", execArgv: [] });
    child.on("message", (answer: ProducerAnswer) => {
      const pending = this.#pending.get(answer.index);
      this.#pending.delete(answer.index);
      if ("failure" in answer)
        pending?.reject(new Error(`Sample ${answer.index} of seed ${this.#setup.seed} failed: ${answer.failure}`));
      else pending?.resolve(answer.sample);
    });
    child.on("exit", (code) => {
      if (this.#child !== child) return;
      for (const { reject } of this.#pending.values()) reject(new Error(`A sample producer ended with code ${code}.`));
      this.#pending.clear();
    });
    child.send(this.#setup satisfies ProducerMessage);
    return child;
  }
}
