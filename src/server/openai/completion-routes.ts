import { randomUUID } from "node:crypto";
import type { Context, Hono } from "hono";
import { readJsonBody } from "../body.ts";
import { callerOf, type ServerBindings } from "../caller.ts";
import { type CommonRequest, parseChatRequest, parseCommon } from "../chat-request.ts";
import { type Caller, engineFor, type ServerContext } from "../context.ts";
import { invalid } from "../errors.ts";
import { Fields } from "../fields.ts";
import { type AnswerJob, checkPictureCount, runAnswer, withPictures } from "../run-answer.ts";
import { streamReply } from "../stream-reply.ts";
import { completionBody, completionEvents, errorEvent, type ReplyForm } from "./completion-reply.ts";
import { chatForm, textForm } from "./forms.ts";

/** /v1/chat/completions and /v1/completions. */
export function addCompletionRoutes(app: Hono<ServerBindings>, context: ServerContext): void {
  app.post("/v1/chat/completions", async (c) => {
    const request = parseChatRequest(await readJsonBody(c, context.settings.maxBodyBytes));
    const engine = engineFor(context, request.model);
    const { messages, thinking, topLogProbabilities, count, sampling, stop, format, ignoresEnd } = request;
    checkPictureCount(messages, context.settings.maxPictures);
    const job: AnswerJob = {
      engine,
      prepare: async (signal) => ({ kind: "chat", thinking, messages: await withPictures(context, messages, signal) }),
      request: { sampling, stop, format, topLogProbabilities, ignoresEnd },
      count,
    };
    return reply(c, context, { job, form: chatForm({ hasLogprobs: topLogProbabilities !== undefined }), request });
  });
  app.post("/v1/completions", async (c) => {
    const fields = new Fields(await readJsonBody(c, context.settings.maxBodyBytes));
    const request = parseCommon(fields);
    const engine = engineFor(context, request.model);
    const prompt = promptOf(fields);
    const topLogProbabilities = fields.number("logprobs", { least: 0, most: 5, isWhole: true });
    const { count, sampling, stop, format, ignoresEnd } = request;
    const job: AnswerJob = {
      engine,
      prepare: async () => ({ kind: "text", prompt }),
      request: { sampling, stop, format, topLogProbabilities, ignoresEnd },
      count,
    };
    const echo = fields.flag("echo") === true ? prompt : "";
    return reply(c, context, {
      job,
      form: textForm({ hasLogprobs: topLogProbabilities !== undefined, echo }),
      request,
    });
  });
}

interface Completion {
  readonly job: AnswerJob;
  readonly form: ReplyForm;
  readonly request: CommonRequest;
}

async function reply(
  c: Context<ServerBindings>,
  context: ServerContext,
  { job, form, request }: Completion,
): Promise<Response> {
  const gone = new AbortController();
  const { client, signal } = callerOf(c);
  const caller: Caller = { client, signal: AbortSignal.any([signal, gone.signal]) };
  const head = {
    id: form.idPrefix + randomUUID(),
    createdSeconds: Math.floor(context.nowMs() / 1000),
    model: job.engine.info.id,
  };
  const parts = runAnswer(context, caller, job);
  if (!request.isStream) return c.json(await completionBody(parts, form, head));
  return streamReply(completionEvents(parts, form, head, request), {
    contentType: "text/event-stream; charset=utf-8",
    onError: (error) => {
      context.logFailure(error);
      return errorEvent(error);
    },
    onGone: () => gone.abort(),
    ping: { text: ": ping\n\n", everyMs: context.settings.pingMs },
  });
}

/** The prompt of a text completion: one text. */
function promptOf(fields: Fields): string {
  const [prompt, ...others] = fields.texts("prompt") ?? [];
  if (prompt === undefined) throw fields.missing("prompt", "a text");
  if (others.length > 0) throw invalid("prompt", "prompt holds several texts.", "Send one request for each.");
  return prompt;
}
