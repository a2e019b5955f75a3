// One whole model in a process of its own, so that its memory is its own too: started by run.ts with the work as JSON.
import { readFile } from "node:fs/promises";
import { load } from "../../src/chat/load.ts";
import type { Message } from "../../src/chat/message.ts";
import { TEXT } from "./text.ts";

export interface WholeTask {
  readonly language: string;
  readonly projector: string;
  readonly picture: string;
  readonly threads: number;
  readonly tower: "float" | "int8";
  readonly kernels: "tuned" | "generic";
  /** Tokens of the answer whose logits are compared; none where only time is wanted. */
  readonly answer?: readonly number[];
}

/** Times in milliseconds, rates in tokens a second, sizes in bytes. */
export interface WholeTimes {
  readonly loadMs: number;
  readonly encodeMs: number;
  readonly views: number;
  readonly firstTokenMs: number;
  readonly promptTokens: number;
  readonly prefillRate: number;
  readonly decodeRate: number;
  readonly weightBytes: number;
  readonly cacheBytes: number;
  readonly residentBytes: number;
  readonly processBytes: number;
}

/** Stages of one answer, for the error of a path. */
export interface WholeTrace {
  readonly rows: readonly number[];
  readonly first: readonly number[];
  readonly last: readonly number[];
  /** A plain text without a picture, so that tools which read none can be compared. */
  readonly text: { readonly ids: readonly number[]; readonly logits: readonly number[] };
}

const CONTEXT = 2048;
const PREFILL = 512;
const ANSWER = 16;
const GREEDY = { temperature: 0, repetitionPenalty: 1, ignoresStopTokens: true } as const;

async function open({ language, projector, threads, tower, kernels }: WholeTask) {
  return load(language, {
    vision: projector,
    threads,
    tower,
    kernels,
    load: "together",
    contextLength: CONTEXT,
    isOffline: true,
  });
}

async function asked(picture: string): Promise<readonly Message[]> {
  return [{ role: "user", content: [await readFile(picture), "What is this?"] }];
}

async function time(task: WholeTask): Promise<WholeTimes> {
  const start = performance.now();
  await using model = await open(task);
  const loadMs = performance.now() - start;
  const { timings, usage } = await model.complete(await asked(task.picture), { ...GREEDY, maxNewTokens: 1 });
  const { peakWeightBytes, peakCacheBytes, peakResidentBytes, processPeakBytes, encodedViews } = model.stats;
  // the vocabulary of these files has a token for each letter
  const { total } = await model.countTokens([{ role: "user", content: "a" }]);
  const text = "abcdefgh ".repeat(PREFILL).slice(0, PREFILL - total + 1);
  // the picture's prompt has warmed the kernels
  const read = await model.complete([{ role: "user", content: text }], { ...GREEDY, maxNewTokens: ANSWER });
  return {
    loadMs,
    encodeMs: timings.encodeMs,
    views: encodedViews,
    firstTokenMs: timings.firstTokenMs,
    promptTokens: usage.promptTokens,
    prefillRate: (read.usage.promptTokens * 1000) / read.timings.prefillMs,
    decodeRate: read.timings.tokensPerSecond,
    weightBytes: peakWeightBytes,
    cacheBytes: peakCacheBytes,
    residentBytes: peakResidentBytes,
    processBytes: processPeakBytes ?? Number.NaN,
  };
}

async function trace(task: WholeTask, answer: readonly number[]): Promise<WholeTrace> {
  await using model = await open(task);
  const { rows, first, last } = await model.trace(await asked(task.picture), { answer });
  const ids = model.tokenise(TEXT);
  const { decoder } = await model.runtime.cache();
  const sequence = decoder.open();
  const logits = await decoder.step([{ sequence, ids }]);
  decoder.close(sequence);
  return { rows: [...rows], first: [...first], last: [...last], text: { ids, logits: [...logits] } };
}

const given = process.argv[2];
if (given !== undefined) {
  const task: WholeTask = JSON.parse(given);
  process.stdout.write(JSON.stringify(task.answer === undefined ? await time(task) : await trace(task, task.answer)));
}
