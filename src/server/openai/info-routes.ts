import type { Hono } from "hono";
import { readJsonBody } from "../body.ts";
import { callerOf, type ServerBindings } from "../caller.ts";
import { parseChatRequest, parseMessages } from "../chat-request.ts";
import { engineFor, type ServerContext } from "../context.ts";
import type { EngineContent, EngineInfo, EngineInput } from "../engine.ts";
import { Fields } from "../fields.ts";
import { checkPictureCount, withPictures } from "../run-answer.ts";
import { openApiDocument } from "./openapi.ts";

/** /health, /metrics, /v1/models, /tokenize, /detokenize, /apply-template, input_tokens and the API's description. */
export function addInfoRoutes(app: Hono<ServerBindings>, context: ServerContext): void {
  const startedSeconds = Math.floor(context.nowMs() / 1000);
  app.get("/health", (c) => {
    const isReady = context.engine() !== undefined;
    return isReady ? c.json({ status: "ok" }) : c.json({ status: "loading model" }, 503, { "retry-after": "2" });
  });
  app.get("/metrics", (c) => c.text(context.metrics.text(), 200, { "content-type": "text/plain; version=0.0.4" }));
  app.get("/openapi.json", (c) => c.json(openApiDocument()));
  app.get("/v1/models", (c) => {
    const { info } = engineFor(context, undefined);
    return c.json({ object: "list", data: [modelBody(info, startedSeconds)] });
  });
  app.get("/v1/models/:id{.+}", (c) => {
    const { info } = engineFor(context, c.req.param("id"));
    return c.json(modelBody(info, startedSeconds));
  });
  addTokenRoutes(app, context);
}

function addTokenRoutes(app: Hono<ServerBindings>, context: ServerContext): void {
  const { maxBodyBytes, maxPictures } = context.settings;
  app.post("/tokenize", async (c) => {
    const fields = new Fields(await readJsonBody(c, maxBodyBytes));
    const engine = engineFor(context, fields.text("model"));
    const addSpecial = fields.flag("add_special") ?? false;
    const parseSpecial = fields.flag("parse_special") ?? true;
    const tokens = engine.tokenize(fields.requiredText("content"), { addSpecial, parseSpecial });
    if (fields.flag("with_pieces") !== true) return c.json({ tokens });
    return c.json({ tokens: tokens.map((id) => ({ id, piece: engine.detokenize([id]) })) });
  });
  app.post("/detokenize", async (c) => {
    const fields = new Fields(await readJsonBody(c, maxBodyBytes));
    const ids = fields.list("tokens", (value, path) => tokenId(value, path));
    if (ids === undefined) throw fields.missing("tokens", "a list of token ids");
    return c.json({ content: engineFor(context, fields.text("model")).detokenize(ids) });
  });
  app.post("/apply-template", async (c) => {
    const fields = new Fields(await readJsonBody(c, maxBodyBytes));
    const engine = engineFor(context, fields.text("model"));
    const messages = parseMessages(fields).map(({ role, content, reasoning }) => ({
      role,
      reasoning,
      // a picture's place needs no pixels; its size does not show in the text
      content: content.map((part): EngineContent => (part.type === "text" ? part : PLACE)),
    }));
    const thinking = fields.object("chat_template_kwargs")?.flag("enable_thinking");
    return c.json({ prompt: engine.render({ kind: "chat", messages, thinking }) });
  });
  app.post("/v1/chat/completions/input_tokens", async (c) => {
    const { messages, thinking, model } = parseChatRequest(await readJsonBody(c, maxBodyBytes));
    const engine = engineFor(context, model);
    checkPictureCount(messages, maxPictures);
    const { client, signal } = callerOf(c);
    using _turn = await context.admission.enter(client, signal);
    const input: EngineInput = { kind: "chat", thinking, messages: await withPictures(context, messages, signal) };
    const { tokens, pictures } = await engine.cost(input);
    return c.json({ object: "response.input_tokens", input_tokens: tokens, images: pictures });
  });
}

const PLACE: EngineContent = {
  type: "picture",
  picture: { image: { width: 1, height: 1, data: new Uint8Array(3) }, digest: "", maxSlices: 1 },
};

function tokenId(value: unknown, path: string): number {
  const id = new Fields({ [path]: value }).number(path, { least: 0, most: 2 ** 31, isWhole: true });
  return id ?? 0;
}

function modelBody(info: EngineInfo, startedSeconds: number) {
  return {
    id: info.id,
    object: "model",
    created: startedSeconds,
    owned_by: "minicpmv",
    meta: {
      title: info.title ?? info.id,
      version: info.version,
      n_ctx: info.contextLength,
      size: info.sizeBytes,
      n_params: info.parameterCount ?? null,
      quantization: info.quantisation ?? null,
    },
    capabilities: { completion: true, multimodal: info.hasVision, reasoning: info.canThink },
  };
}
