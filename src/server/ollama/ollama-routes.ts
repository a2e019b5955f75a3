import type { Hono } from "hono";
import { readJsonBody } from "../body.ts";
import { callerOf, type ServerBindings } from "../caller.ts";
import { type Caller, engineFor, type ServerContext } from "../context.ts";
import type { EngineInfo } from "../engine.ts";
import { errorReply } from "../error-reply.ts";
import { Fields } from "../fields.ts";
import {
  type AnswerJob,
  type AnswerPart,
  type ChoicePart,
  checkPictureCount,
  runAnswer,
  withPictures,
} from "../run-answer.ts";
import { streamReply } from "../stream-reply.ts";
import { parseOllamaChat } from "./ollama-request.ts";

/** /api/chat, /api/tags, /api/show and /api/version, as ollama's clients call them. */
export function addOllamaRoutes(app: Hono<ServerBindings>, context: ServerContext): void {
  const modifiedAt = new Date(context.nowMs()).toISOString();
  app.post("/api/chat", async (c) => {
    const request = parseOllamaChat(await readJsonBody(c, context.settings.maxBodyBytes));
    const engine = engineFor(context, request.model);
    const { messages, thinking, sampling, stop, format } = request;
    checkPictureCount(messages, context.settings.maxPictures);
    const gone = new AbortController();
    const { client, signal } = callerOf(c);
    const caller: Caller = { client, signal: AbortSignal.any([signal, gone.signal]) };
    const job: AnswerJob = {
      engine,
      prepare: async (during) => ({ kind: "chat", thinking, messages: await withPictures(context, messages, during) }),
      request: { sampling, stop, format },
      count: 1,
    };
    const head = { model: engine.info.id, nowMs: context.nowMs, startedMs: context.nowMs() };
    const parts = runAnswer(context, caller, job);
    if (!request.isStream) return c.json(await wholeAnswer(parts, head));
    return streamReply(lines(parts, head), {
      contentType: "application/x-ndjson",
      onError: (error) => {
        context.logFailure(error);
        return `${JSON.stringify({ error: errorReply(error).body.error.message })}\n`;
      },
      onGone: () => gone.abort(),
    });
  });
  app.get("/api/version", (c) => c.json({ version: "0.9.0" }));
  app.get("/api/tags", (c) => {
    const engine = context.engine();
    return c.json({ models: engine === undefined ? [] : [tagBody(engine.info, modifiedAt)] });
  });
  app.post("/api/show", async (c) => {
    const fields = new Fields(await readJsonBody(c, context.settings.maxBodyBytes));
    const { info } = engineFor(context, fields.text("model") ?? fields.text("name"));
    return c.json(showBody(info, modifiedAt));
  });
}

interface Head {
  readonly model: string;
  readonly nowMs: () => number;
  readonly startedMs: number;
}

async function* lines(parts: AsyncIterable<ChoicePart>, head: Head): AsyncGenerator<string> {
  for await (const { part } of parts) {
    if (part.kind === "text" && part.text === "") continue;
    yield `${JSON.stringify(partBody(part, head))}\n`;
  }
}

async function wholeAnswer(parts: AsyncIterable<ChoicePart>, head: Head) {
  let [content, thinking] = ["", ""];
  let last: object = {};
  for await (const { part } of parts) {
    if (part.kind === "text") content += part.text;
    else if (part.kind === "reasoning") thinking += part.text;
    else last = partBody(part, head);
  }
  return { ...last, message: { role: "assistant", content, ...(thinking === "" ? {} : { thinking }) } };
}

function partBody(part: AnswerPart, { model, nowMs, startedMs }: Head): object {
  const base = { model, created_at: new Date(nowMs()).toISOString() };
  switch (part.kind) {
    case "text":
      return { ...base, message: { role: "assistant", content: part.text }, done: false };
    case "reasoning":
      return { ...base, message: { role: "assistant", content: "", thinking: part.text }, done: false };
    case "end":
      return {
        ...base,
        message: { role: "assistant", content: "" },
        done: true,
        done_reason: part.reason,
        total_duration: nanoseconds(nowMs() - startedMs),
        load_duration: 0,
        prompt_eval_count: part.usage.promptTokens,
        prompt_eval_duration: nanoseconds(part.usage.promptMs),
        eval_count: part.usage.completionTokens,
        eval_duration: nanoseconds(part.usage.decodeMs),
      };
  }
}

function nanoseconds(ms: number): number {
  return Math.round(ms * 1e6);
}

function detailsBody({ quantisation, parameterCount }: EngineInfo) {
  return {
    parent_model: "",
    format: "gguf",
    family: "minicpmv",
    families: ["minicpmv"],
    parameter_size: parameterCount === undefined ? "" : `${(parameterCount / 1e9).toFixed(1)}B`,
    quantization_level: quantisation ?? "",
  };
}

function tagBody(info: EngineInfo, modifiedAt: string) {
  const { id, sizeBytes } = info;
  return { name: id, model: id, modified_at: modifiedAt, size: sizeBytes, digest: "", details: detailsBody(info) };
}

function showBody(info: EngineInfo, modifiedAt: string) {
  return {
    modelfile: "",
    parameters: "",
    template: info.template ?? "",
    details: detailsBody(info),
    model_info: {
      "general.architecture": "minicpmv",
      "general.parameter_count": info.parameterCount ?? null,
      "minicpmv.version": info.version,
      "minicpmv.context_length": info.contextLength,
    },
    capabilities: ["completion", ...(info.hasVision ? ["vision"] : []), ...(info.canThink ? ["thinking"] : [])],
    modified_at: modifiedAt,
  };
}
