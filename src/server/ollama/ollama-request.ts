import type { ChatRequest, ParsedContent, ParsedMessage } from "../chat-request.ts";
import type { EngineFormat } from "../engine.ts";
import { invalid } from "../errors.ts";
import { Fields } from "../fields.ts";

const ROLES = ["system", "user", "assistant"] as const;
const MAX_TOKENS = 2 ** 20;

/** Reads the body of ollama's /api/chat, which streams unless told otherwise. Throws RequestError naming the field. */
export function parseOllamaChat(body: unknown): ChatRequest {
  const fields = new Fields(body);
  const messages = fields.list("messages", parseMessage);
  if (messages === undefined || messages.length === 0) throw fields.missing("messages", "at least one message");
  const options = fields.object("options") ?? new Fields({}, "options");
  const think = fields.raw("think");
  return {
    model: fields.requiredText("model"),
    messages,
    thinking: think === undefined ? undefined : think !== false,
    topLogProbabilities: undefined,
    sampling: {
      temperature: options.number("temperature", { least: 0, most: 100 }),
      topK: options.number("top_k", { least: 0, most: 2 ** 31, isWhole: true }),
      topP: options.number("top_p", { least: 0, most: 1 }),
      minP: options.number("min_p", { least: 0, most: 1 }),
      repetitionPenalty: options.number("repeat_penalty", { least: 1e-3, most: 1e3 }),
      maxNewTokens: tokenLimit(options),
      seed: seedOf(options),
    },
    stop: options.texts("stop") ?? [],
    format: parseFormat(fields),
    ignoresEnd: false,
    isStream: fields.flag("stream") ?? true,
    includeUsage: true,
    count: 1,
  };
}

/** Ollama writes -1 for "as many as fit". */
function tokenLimit(options: Fields): number | undefined {
  const limit = options.number("num_predict", { least: -2, most: MAX_TOKENS, isWhole: true });
  return limit === undefined || limit < 1 ? undefined : limit;
}

function seedOf(options: Fields): number | undefined {
  const range = { least: Number.MIN_SAFE_INTEGER, most: Number.MAX_SAFE_INTEGER, isWhole: true };
  const seed = options.number("seed", range);
  return seed === undefined ? undefined : seed >>> 0;
}

function parseFormat(fields: Fields): EngineFormat {
  const format = fields.raw("format");
  if (format === undefined || format === "") return { kind: "text" };
  if (format === "json") return { kind: "json" };
  if (typeof format === "object") return { kind: "schema", schema: format };
  throw invalid("format", "format is neither json nor a schema.", 'Send "json" or a JSON schema.');
}

function parseMessage(value: unknown, path: string): ParsedMessage {
  const fields = new Fields(value, path);
  const role = fields.oneOf("role", ROLES);
  if (role === undefined) throw fields.missing("role", ROLES.join(", "));
  const pictures = fields.texts("images") ?? [];
  if (pictures.length > 0 && role !== "user") {
    throw invalid(fields.at("images"), `A ${role} message holds a picture.`, "Pictures belong in user messages.");
  }
  const content: ParsedContent[] = pictures.map((base64, i) => ({
    type: "picture",
    // the clients send bare base64; the bytes tell the format
    reference: { url: `data:image/*;base64,${base64}`, param: `${fields.at("images")}[${i}]` },
  }));
  content.push({ type: "text", text: fields.text("content") ?? "" });
  return { role, content, reasoning: fields.text("thinking") };
}
