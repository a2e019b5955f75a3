import type { EngineFormat, EngineSampling } from "./engine.ts";
import { invalid } from "./errors.ts";
import { Fields } from "./fields.ts";
import type { PictureReference } from "./pictures.ts";

export type ParsedContent =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "picture"; readonly reference: PictureReference };

export interface ParsedMessage {
  readonly role: "system" | "user" | "assistant";
  readonly content: readonly ParsedContent[];
  readonly reasoning?: string | undefined;
}

/** What chat and text completions have in common. */
export interface CommonRequest {
  readonly model: string | undefined;
  readonly sampling: EngineSampling;
  readonly stop: readonly string[];
  readonly format: EngineFormat;
  readonly ignoresEnd: boolean;
  readonly isStream: boolean;
  readonly includeUsage: boolean;
  /** Answers wanted. */
  readonly count: number;
}

export interface ChatRequest extends CommonRequest {
  readonly messages: readonly ParsedMessage[];
  readonly thinking: boolean | undefined;
  readonly topLogProbabilities: number | undefined;
}

const MAX_COUNT = 16;
const MAX_TOP = 20;
const MAX_STOPS = 16;
const MAX_TOKENS = 2 ** 20;

/** Reads the body of /v1/chat/completions. Throws RequestError naming the field. */
export function parseChatRequest(body: unknown): ChatRequest {
  const fields = new Fields(body);
  const messages = parseMessages(fields);
  refuseUnsupported(fields);
  const wantsLogprobs = fields.flag("logprobs") ?? false;
  const top = fields.number("top_logprobs", { least: 0, most: MAX_TOP, isWhole: true });
  if (top !== undefined && !wantsLogprobs) {
    throw invalid("top_logprobs", "top_logprobs is given without logprobs.", "Set logprobs to true.");
  }
  const template = fields.object("chat_template_kwargs");
  const effort = fields.oneOf("reasoning_effort", ["none", "minimal", "low", "medium", "high", "xhigh"]);
  return {
    ...parseCommon(fields),
    messages,
    thinking: template?.flag("enable_thinking") ?? (effort === undefined ? undefined : effort !== "none"),
    topLogProbabilities: wantsLogprobs ? (top ?? 0) : undefined,
  };
}

/** Reads what both kinds of completions take. */
export function parseCommon(fields: Fields): CommonRequest {
  const stop = fields.texts("stop") ?? [];
  if (stop.length > MAX_STOPS || stop.includes("")) {
    throw invalid("stop", "stop holds an empty text or too many.", `Send up to ${MAX_STOPS} texts.`);
  }
  return {
    model: fields.text("model"),
    sampling: parseSampling(fields),
    stop,
    format: parseFormat(fields),
    ignoresEnd: fields.flag("ignore_eos") ?? false,
    isStream: fields.flag("stream") ?? false,
    includeUsage: fields.object("stream_options")?.flag("include_usage") ?? false,
    count: fields.number("n", { least: 1, most: MAX_COUNT, isWhole: true }) ?? 1,
  };
}

function parseSampling(fields: Fields): EngineSampling {
  const tokens = { least: 1, most: MAX_TOKENS, isWhole: true };
  const penalty = { least: 1e-3, most: 1e3 };
  const seed = fields.number("seed", { least: Number.MIN_SAFE_INTEGER, most: Number.MAX_SAFE_INTEGER, isWhole: true });
  return {
    temperature: fields.number("temperature", { least: 0, most: 100 }),
    topK: fields.number("top_k", { least: 0, most: 2 ** 31, isWhole: true }),
    topP: fields.number("top_p", { least: 0, most: 1 }),
    minP: fields.number("min_p", { least: 0, most: 1 }),
    repetitionPenalty: fields.number("repetition_penalty", penalty) ?? fields.number("repeat_penalty", penalty),
    maxNewTokens: fields.number("max_completion_tokens", tokens) ?? fields.number("max_tokens", tokens),
    // OpenAI's seeds are 64-bit and may be negative
    seed: seed === undefined ? undefined : seed >>> 0,
  };
}

function parseFormat(fields: Fields): EngineFormat {
  const format = fields.object("response_format");
  switch (format?.oneOf("type", ["text", "json_object", "json_schema"])) {
    case "json_object":
      return { kind: "json" };
    case "json_schema": {
      const schema = format.object("json_schema")?.raw("schema") ?? format.raw("schema");
      if (schema === undefined) throw format.missing("json_schema.schema", "a JSON schema");
      return { kind: "schema", schema };
    }
    case "text":
      return { kind: "text" };
    case undefined:
      if (format !== undefined) throw format.missing("type", "text, json_object or json_schema");
      return { kind: "text" };
  }
}

/** Fields that change the answer and that no model here honours: silence would mislead. */
function refuseUnsupported(fields: Fields): void {
  const tools = fields.raw("tools") ?? fields.raw("functions");
  if (Array.isArray(tools) && tools.length > 0) throw unsupported("tools");
  for (const name of ["frequency_penalty", "presence_penalty"]) {
    const value = fields.raw(name);
    if (value !== undefined && value !== 0) throw unsupported(name);
  }
  const bias = fields.object("logit_bias");
  if (bias !== undefined && Object.keys(Object(fields.raw("logit_bias"))).length > 0) throw unsupported("logit_bias");
}

function unsupported(name: string): Error {
  return invalid(name, `${name} is not supported.`, "Leave it out.", "unsupported_parameter");
}

/** The conversation of a body. */
export function parseMessages(fields: Fields): readonly ParsedMessage[] {
  const messages = fields.list("messages", parseMessage);
  if (messages === undefined) throw fields.missing("messages", "the conversation as a list");
  if (messages.length === 0) throw invalid("messages", "messages is empty.", "Send at least one message.");
  return messages;
}

const ROLES = ["system", "developer", "user", "assistant"] as const;

function parseMessage(value: unknown, path: string): ParsedMessage {
  const fields = new Fields(value, path);
  const role = fields.oneOf("role", ROLES);
  if (role === undefined) throw fields.missing("role", ROLES.join(", "));
  return {
    role: role === "developer" ? "system" : role,
    content: parseContent(fields, role),
    reasoning: fields.text("reasoning_content"),
  };
}

function parseContent(fields: Fields, role: string): readonly ParsedContent[] {
  const raw = fields.raw("content");
  if (typeof raw === "string") return [{ type: "text", text: raw }];
  if (raw === undefined && role === "assistant") return [];
  const parts = fields.list("content", (value, path) => parsePart(new Fields(value, path)));
  if (parts === undefined) throw fields.missing("content", "a text or a list of parts");
  const picture = parts.find((part) => part.type === "picture");
  if (picture !== undefined && role !== "user") {
    throw invalid(picture.reference.param, `A ${role} message holds a picture.`, "Pictures belong in user messages.");
  }
  return parts;
}

function parsePart(part: Fields): ParsedContent {
  switch (part.oneOf("type", ["text", "input_text", "image_url", "input_image"])) {
    case "text":
    case "input_text":
      return { type: "text", text: part.requiredText("text") };
    case "image_url":
    case "input_image":
      return { type: "picture", reference: pictureReference(part) };
    case undefined:
      throw part.missing("type", "text or image_url");
  }
}

/** `image_url` as an object with url and detail, or as the url itself. */
function pictureReference(part: Fields): PictureReference {
  const isPlain = typeof part.raw("image_url") === "string";
  const image = isPlain ? part : part.object("image_url");
  if (image === undefined) throw part.missing("image_url", "an object with url");
  const url = image.requiredText(isPlain ? "image_url" : "url");
  const detail = image.oneOf("detail", ["auto", "low", "high"]);
  const maxSlices = image.number("max_slices", { least: 1, most: 36, isWhole: true });
  return { url, detail, maxSlices, param: part.at("image_url") };
}
