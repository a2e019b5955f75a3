import { MiniCpmError } from "../base/errors.ts";
import type { ParsedMessage } from "./chat-request.ts";
import type { Caller, ServerContext } from "./context.ts";
import type { ChatEngine, EngineInput, EngineMessage, EnginePart, EngineRequest, EngineUsage } from "./engine.ts";
import { errorReply } from "./error-reply.ts";
import { invalid, RequestError } from "./errors.ts";
import { loadPicture } from "./pictures.ts";

/** An answer to be written: its input is made ready once its turn has come, so that waiting costs no memory. */
export interface AnswerJob {
  readonly engine: ChatEngine;
  readonly prepare: (signal: AbortSignal) => Promise<EngineInput>;
  readonly request: Omit<EngineRequest, "input" | "signal">;
  /** Answers to the same input, one after another. */
  readonly count: number;
}

/** What an answer took, with the waiting that the engine does not see. */
export interface AnswerTimes {
  readonly queueMs: number;
  readonly firstTokenMs: number;
}

export type AnswerPart =
  | Exclude<EnginePart, { readonly kind: "end" }>
  | {
      readonly kind: "end";
      readonly reason: "stop" | "length";
      readonly usage: EngineUsage;
      readonly times: AnswerTimes;
    };

/** A part and which of the answers it belongs to. */
export interface ChoicePart {
  readonly index: number;
  readonly part: AnswerPart;
}

/** Waits for a turn, then gives the parts of all answers. Ends with an error when the client goes or the server stops. */
export async function* runAnswer(context: ServerContext, caller: Caller, job: AnswerJob): AsyncGenerator<ChoicePart> {
  const { admission, metrics, nowMs, endSignal } = context;
  const arrivedMs = nowMs();
  const signal = AbortSignal.any([caller.signal, endSignal]);
  try {
    using _turn = await admission.enter(caller.client, signal);
    const queueMs = nowMs() - arrivedMs;
    metrics.observe("minicpmv_queue_seconds", queueMs / 1000);
    const input = await job.prepare(signal);
    let firstTokenMs: number | undefined;
    for (let index = 0; index < job.count; index++) {
      const { seed } = job.request.sampling;
      const sampling = { ...job.request.sampling, seed: seed === undefined ? undefined : (seed + index) >>> 0 };
      for await (const part of job.engine.answer({ ...job.request, sampling, input, signal })) {
        if (firstTokenMs === undefined) {
          firstTokenMs = nowMs() - arrivedMs;
          metrics.observe("minicpmv_first_token_seconds", firstTokenMs / 1000);
        }
        if (part.kind === "end") countUsage(context, part.usage);
        yield { index, part: part.kind === "end" ? { ...part, times: { queueMs, firstTokenMs } } : part };
      }
    }
    metrics.observe("minicpmv_request_seconds", (nowMs() - arrivedMs) / 1000);
  } catch (error) {
    if (endSignal.aborted && !caller.signal.aborted) throw shuttingDown();
    throw error;
  } finally {
    // a stream that nobody reads any more is left by return, not by an error
    if (caller.signal.aborted) metrics.add("minicpmv_cancelled_total");
  }
}

function shuttingDown(): RequestError {
  return new RequestError(
    { status: 503, type: "service_unavailable", code: "server_shutting_down", retryAfterSeconds: 10 },
    "The server is shutting down and ended this answer.",
    "Send the request again when it is back.",
  );
}

function countUsage({ metrics }: ServerContext, usage: EngineUsage): void {
  metrics.add("minicpmv_prompt_tokens_total", usage.promptTokens);
  metrics.add("minicpmv_cached_tokens_total", usage.cachedTokens);
  metrics.add("minicpmv_generated_tokens_total", usage.completionTokens);
  metrics.add("minicpmv_pictures_total", usage.pictures.length);
  metrics.add("minicpmv_views_total", viewCountOf(usage));
  metrics.add("minicpmv_encode_seconds_total", usage.encodeMs / 1000);
}

export function viewCountOf({ pictures }: Pick<EngineUsage, "pictures">): number {
  return pictures.reduce((sum, { views }) => sum + views, 0);
}

/** Loads the pictures of a conversation, one after another. Throws RequestError and the image errors. */
export async function withPictures(
  { settings }: Pick<ServerContext, "settings">,
  messages: readonly ParsedMessage[],
  signal: AbortSignal,
): Promise<readonly EngineMessage[]> {
  checkPictureCount(messages, settings.maxPictures);
  const loaded: EngineMessage[] = [];
  for (const { role, content, reasoning } of messages) {
    const parts: EngineMessage["content"][number][] = [];
    for (const part of content) {
      if (part.type === "text") parts.push(part);
      else {
        try {
          parts.push({ type: "picture", picture: await loadPicture(part.reference, settings.pictures, signal) });
        } catch (error) {
          throw withParam(error, part.reference.param);
        }
      }
    }
    loaded.push({ role, content: parts, reasoning });
  }
  return loaded;
}

/** Known before anything is loaded, so before a turn is waited for. Throws RequestError. */
export function checkPictureCount(messages: readonly ParsedMessage[], most: number): void {
  const count = messages.reduce(
    (sum, { content }) => sum + content.filter((part) => part.type === "picture").length,
    0,
  );
  if (count > most) {
    throw invalid(
      "messages",
      `The messages hold ${count} pictures, the limit is ${most}.`,
      "Send fewer.",
      "too_many_images",
    );
  }
}

/** A picture's error with the field that held it. */
function withParam(error: unknown, param: string): unknown {
  const { isInternal, status, body } = errorReply(error);
  if (isInternal || body.error.param !== null || !(error instanceof MiniCpmError)) return error;
  const { type, code } = body.error;
  const [message] = error.message.split(` ${error.hint}`);
  return new RequestError({ status, type, code, param }, message, error.hint, { cause: error });
}
