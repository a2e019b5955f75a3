import { type AnswerContext, startAnswer } from "./answer-job.ts";
import type { ChatOptions } from "./chat-options.ts";
import type { Message } from "./message.ts";

/** What comparisons of two ways of computing look at, stage by stage. */
export interface AnswerTrace {
  /** Patch values of every view, one after another. */
  readonly patches: Float32Array;
  /** Rows of the pictures for the language model. */
  readonly rows: Float32Array;
  /** Logits of the first token. */
  readonly first: Float32Array;
  /** Logits behind the given answer. */
  readonly last: Float32Array;
}

/** Reads a prompt and a given answer, whatever the model itself would have said. */
export function traceAnswer(
  context: AnswerContext,
  messages: readonly Message[],
  options: ChatOptions & { readonly answer: readonly number[] },
): Promise<AnswerTrace> {
  return context.runtime.request(async () => {
    const { cache, placed, start } = await startAnswer(context, messages, options, () => {});
    const { lease, logits: first } = start;
    try {
      let last = first;
      for (const id of options.answer) {
        cache.pool.reserve(1);
        last = await cache.queue.run([{ sequence: lease.sequence, ids: [id] }], options.signal);
        lease.push([id]);
      }
      const views = placed.flatMap(({ prepared }) => prepared.views);
      const patches = new Float32Array(views.reduce((sum, { values }) => sum + values.length, 0));
      let at = 0;
      for (const { values } of views) {
        patches.set(values, at);
        at += values.length;
      }
      return { patches, rows: await context.pictures.rows(placed, { signal: options.signal }), first, last };
    } finally {
      lease.release();
    }
  });
}
