type Schema = Readonly<Record<string, unknown>>;

const TEXT: Schema = { type: "string" };
const FLAG: Schema = { type: "boolean" };
const WHOLE: Schema = { type: "integer" };
const NUMBER: Schema = { type: "number" };

const ref = (name: string): Schema => ({ $ref: `#/components/schemas/${name}` });
const object = (properties: Record<string, Schema>, required: readonly string[] = []): Schema => ({
  type: "object",
  properties,
  ...(required.length > 0 ? { required } : {}),
});
const list = (items: Schema): Schema => ({ type: "array", items });

const SAMPLING: Record<string, Schema> = {
  model: TEXT,
  temperature: NUMBER,
  top_p: NUMBER,
  top_k: WHOLE,
  min_p: NUMBER,
  repetition_penalty: NUMBER,
  max_tokens: WHOLE,
  seed: WHOLE,
  n: { type: "integer", minimum: 1, maximum: 16 },
  stop: { oneOf: [TEXT, list(TEXT)] },
  ignore_eos: FLAG,
  stream: FLAG,
  stream_options: object({ include_usage: FLAG }),
  response_format: object({
    type: { enum: ["text", "json_object", "json_schema"] },
    json_schema: object({ schema: {} }),
  }),
};

const IMAGE = object({ url: TEXT, detail: { enum: ["auto", "low", "high"] }, max_slices: WHOLE }, ["url"]);

const SCHEMAS: Record<string, Schema> = {
  ContentPart: object({ type: { enum: ["text", "image_url"] }, text: TEXT, image_url: IMAGE }, ["type"]),
  Message: object(
    {
      role: { enum: ["system", "developer", "user", "assistant"] },
      content: { oneOf: [TEXT, list(ref("ContentPart"))] },
      reasoning_content: TEXT,
    },
    ["role"],
  ),
  ChatRequest: object(
    {
      messages: list(ref("Message")),
      ...SAMPLING,
      max_completion_tokens: WHOLE,
      logprobs: FLAG,
      top_logprobs: WHOLE,
      reasoning_effort: TEXT,
      chat_template_kwargs: object({ enable_thinking: FLAG }),
    },
    ["messages"],
  ),
  CompletionRequest: object({ prompt: TEXT, ...SAMPLING, logprobs: WHOLE, echo: FLAG }, ["prompt"]),
  TokenizeRequest: object({ content: TEXT, add_special: FLAG, parse_special: FLAG, with_pieces: FLAG }, ["content"]),
  DetokenizeRequest: object({ tokens: list(WHOLE) }, ["tokens"]),
  OllamaChatRequest: object({ model: TEXT, messages: list({}), stream: FLAG, format: {}, options: object({}) }, [
    "model",
  ]),
  ShowRequest: object({ model: TEXT }, ["model"]),
  Error: object({ error: object({ message: TEXT, type: TEXT, code: TEXT, param: { type: ["string", "null"] } }) }),
};

/** Every route of the server: method, path, body and what it does. */
export const ROUTES = [
  ["get", "/health", undefined, "200 when the model is loaded, 503 before."],
  ["get", "/metrics", undefined, "Prometheus text."],
  ["get", "/openapi.json", undefined, "This document."],
  ["get", "/v1/models", undefined, "The model and what it can do."],
  ["get", "/v1/models/{id}", undefined, "One model."],
  ["post", "/v1/chat/completions", "ChatRequest", "An answer to a conversation with pictures."],
  [
    "post",
    "/v1/chat/completions/input_tokens",
    "ChatRequest",
    "Tokens of a conversation and its pictures; nothing runs.",
  ],
  ["post", "/v1/completions", "CompletionRequest", "A text continued."],
  ["post", "/tokenize", "TokenizeRequest", "Token ids of a text."],
  ["post", "/detokenize", "DetokenizeRequest", "Text of token ids."],
  ["post", "/apply-template", "ChatRequest", "The prompt that a conversation becomes."],
  ["post", "/api/chat", "OllamaChatRequest", "ollama's chat."],
  ["get", "/api/tags", undefined, "ollama's list of models."],
  ["post", "/api/show", "ShowRequest", "ollama's description of a model."],
  ["get", "/api/version", undefined, "Version of ollama's protocol."],
] as const;

/** The description of the API, OpenAPI 3.1. */
export function openApiDocument() {
  const paths: Record<string, Record<string, Schema>> = {};
  for (const [method, path, body, summary] of ROUTES) {
    paths[path] ??= {};
    paths[path][method] = {
      summary,
      ...(body === undefined
        ? {}
        : { requestBody: { required: true, content: { "application/json": { schema: ref(body) } } } }),
      responses: {
        "200": { description: "Done." },
        default: { description: "What went wrong.", content: { "application/json": { schema: ref("Error") } } },
      },
      ...(path.includes("{id}") ? { parameters: [{ name: "id", in: "path", required: true, schema: TEXT }] } : {}),
    };
  }
  return {
    openapi: "3.1.0",
    info: { title: "minicpmv", version: "1", description: "MiniCPM-V as an OpenAI-compatible server." },
    components: { schemas: SCHEMAS, securitySchemes: { key: { type: "http", scheme: "bearer" } } },
    security: [{}, { key: [] }],
    paths,
  };
}
