import { AbortedError } from "../base/errors.ts";
import type { DecoderRunner } from "./decoder-runner.ts";
import { ContextLengthError } from "./errors.ts";
import { type Prompt, pictureEnd, promptSlice } from "./prompt.ts";
import type { SampledToken, Sampler } from "./sampling/sampler.ts";
import type { Lease, SequencePool } from "./sequence-pool.ts";
import type { StepQueue } from "./step-queue.ts";

/** A decoder with what several answers share. */
export interface DecoderCache {
  readonly decoder: DecoderRunner;
  readonly queue: StepQueue;
  readonly pool: SequencePool;
}

export interface PrefillOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called after each chunk with positions that are in the cache. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/** Where an answer starts: the prompt is in the cache, these are the logits behind it. */
export interface Prefilled {
  readonly lease: Lease;
  readonly logits: Float32Array;
}

/** Reads a prompt in chunks, from where the cache leaves off. Throws ContextLengthError, AbortedError. */
export async function prefill(cache: DecoderCache, prompt: Prompt, options: PrefillOptions): Promise<Prefilled> {
  const { decoder, queue, pool } = cache;
  const total = prompt.ids.length;
  if (total >= decoder.contextLength) throw new ContextLengthError(total, decoder.contextLength);
  const pictures = pictureEnd(prompt);
  const lease = pool.acquire(prompt.keys);
  try {
    const rows = lease.reused < pictures ? await prompt.visualRows() : undefined;
    let logits: Float32Array = new Float32Array();
    for (let begin = lease.reused; begin < total; ) {
      throwIfAborted(options.signal);
      const isBeforePictures = decoder.isRecurrent && begin < pictures;
      const end = Math.min(begin + decoder.largestStep, isBeforePictures ? pictures : total);
      pool.reserve(end - begin);
      const part = { sequence: lease.sequence, ...promptSlice(prompt, rows, { begin, end }) };
      logits = await queue.run([part], options.signal);
      lease.push(prompt.keys.slice(begin, end));
      // another question about the same pictures can start here
      if (isBeforePictures && end === pictures) pool.snapshot(lease);
      begin = end;
      options.onProgress?.(end, total);
    }
    return { lease, logits };
  } catch (error) {
    lease.release();
    throw error;
  }
}

/** Why an answer ended. */
export type FinishReason =
  /** The model ended it. */
  | "stop"
  /** maxNewTokens, or the end of the context. */
  | "length"
  /** A stop string of the caller. */
  | "stop string";

export interface DecodeOptions {
  readonly sampler: Sampler;
  readonly stopIds: ReadonlySet<number>;
  readonly maxNewTokens: number;
  readonly signal?: AbortSignal | undefined;
}

/** Tokens of an answer, the ending one included. The lease stays the caller's. Throws AbortedError within one step. */
export async function* decode(
  cache: DecoderCache,
  start: Prefilled,
  options: DecodeOptions,
): AsyncGenerator<SampledToken, FinishReason> {
  const { decoder, queue, pool } = cache;
  const { sequence } = start.lease;
  let { logits } = start;
  for (let count = 1; ; count++) {
    throwIfAborted(options.signal);
    const token = options.sampler.next(logits);
    yield token;
    if (options.stopIds.has(token.id)) return "stop";
    if (count >= options.maxNewTokens || sequence.length >= decoder.contextLength) return "length";
    throwIfAborted(options.signal);
    pool.reserve(1);
    // those behind the prompt are the caller's; a megabyte for every token would pile up between two collections
    const spent = count === 1 ? undefined : logits;
    logits = await queue.run([{ sequence, ids: [token.id] }], options.signal, spent);
    start.lease.push([token.id]);
  }
}

function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw new AbortedError("The answer", { cause: signal.reason });
}
