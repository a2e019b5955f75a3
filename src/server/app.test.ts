import { expect, test } from "vitest";
import { encodePng } from "../image/png/encode-png.ts";
import { rgbImage } from "../image/rgb-image.ts";
import { type AppOptions, createApp } from "./app.ts";
import { DEFAULT_SETTINGS } from "./settings.ts";
import { type FakeEngineOptions, fakeEngine } from "./testing/fake-engine.ts";

const png = await encodePng(rgbImage(4, 3, new Uint8Array(36).fill(200)));
const dataUrl = (bytes: Uint8Array) => `data:image/png;base64,${Buffer.from(bytes).toString("base64")}`;
const question = { messages: [{ role: "user", content: "What is the total?" }] };

function server(engineOptions: FakeEngineOptions = {}, options: Partial<AppOptions> = {}) {
  const engine = fakeEngine(engineOptions);
  const logged: string[] = [];
  const built = createApp({
    engine: () => engine,
    log: (line) => logged.push(line),
    ...options,
  });
  const send = (path: string, body?: unknown, headers: Record<string, string> = {}) =>
    built.app.request(path, {
      method: body === undefined ? "GET" : "POST",
      headers: { host: "localhost", ...headers },
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
  const chat = (body: object, headers?: Record<string, string>) => send("/v1/chat/completions", body, headers);
  return { ...built, engine, logged, send, chat };
}

const picture = (url: string, extra: object = {}) => ({
  messages: [
    {
      role: "user",
      content: [
        { type: "text", text: "?" },
        { type: "image_url", image_url: { url, ...extra } },
      ],
    },
  ],
});

// catches an answer that an OpenAI client cannot read
test("a chat completion has OpenAI's shape, with usage and timings", async () => {
  const { chat } = server({ reasoning: "I look." });
  const reply = await chat({ ...picture(dataUrl(png)), logprobs: true, top_logprobs: 1, n: 2 });
  expect(reply.status).toBe(200);
  const body = await reply.json();
  expect(body.choices).toHaveLength(2);
  expect(body.choices[1]).toMatchObject({
    index: 1,
    message: { role: "assistant", content: "Total 42.00", reasoning_content: "I look." },
    finish_reason: "stop",
  });
  expect(body.choices[0].logprobs.content[0]).toMatchObject({ token: "Total", logprob: -0.5 });
  expect(body.usage).toMatchObject({
    prompt_tokens: 65,
    completion_tokens: 6,
    prompt_tokens_details: { cached_tokens: 1 },
  });
  expect(body.timings).toMatchObject({ views: 1, image_tokens: 64, encode_ms: 5, predicted_n: 3 });
});

// catches a stream whose pieces do not add up, or that never says it is over
test("a stream says the same, piece by piece", async () => {
  const { chat } = server();
  const reply = await chat({ ...question, stream: true, stream_options: { include_usage: true } });
  expect(reply.headers.get("content-type")).toContain("text/event-stream");
  const events = (await reply.text()).trimEnd().split("\n\n");
  expect(events.at(-1)).toBe("data: [DONE]");
  const chunks = events.slice(0, -1).map((event) => JSON.parse(event.slice("data: ".length)));
  expect(chunks.map(({ choices }) => choices[0]?.delta.content ?? "").join("")).toBe("Total 42.00");
  expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { completion_tokens: 3 } });
  expect(chunks.at(-2).choices[0].finish_reason).toBe("stop");
});

// each row: what a client may send wrongly, and the answer that helps him
const MISTAKES: readonly (readonly [string, object | string, number, string, string | null])[] = [
  ["not JSON", "{", 400, "invalid_json", null],
  ["an empty body", "", 400, "invalid_json", null],
  ["no messages", {}, 400, "missing_field", "messages"],
  ["empty messages", { messages: [] }, 400, "invalid_value", "messages"],
  ["an unknown role", { messages: [{ role: "boss", content: "" }] }, 400, "invalid_value", "messages[0].role"],
  ["a hot temperature", { ...question, temperature: -1 }, 400, "invalid_value", "temperature"],
  ["tools", { ...question, tools: [{}] }, 400, "unsupported_parameter", "tools"],
  ["another model", { ...question, model: "gpt-9" }, 404, "model_not_found", "model"],
  ["no address", picture("picture.png"), 400, "invalid_image_url", "messages[0].content[1].image_url"],
  ["not base64", picture("data:image/png,x"), 400, "invalid_image_url", "messages[0].content[1].image_url"],
  [
    "not a picture",
    picture(dataUrl(new Uint8Array(9))),
    400,
    "invalid_image_format",
    "messages[0].content[1].image_url",
  ],
  ["half a picture", picture(dataUrl(png.subarray(0, 50))), 400, "image_truncated", "messages[0].content[1].image_url"],
  ["a remote picture", picture("https://8.8.8.8/x"), 400, "image_source_disabled", "messages[0].content[1].image_url"],
  ["a file", picture("file:///etc/hosts"), 400, "image_source_disabled", "messages[0].content[1].image_url"],
  [
    "10,000 tokens",
    { messages: [{ role: "user", content: "word ".repeat(10_000) }] },
    400,
    "context_length_exceeded",
    "messages",
  ],
];

for (const [what, body, status, code, param] of MISTAKES) {
  // catches a mistake that is taken silently, or answered with a failure of the server; streaming must not change it
  test(`${what} gives ${status} ${code}`, async () => {
    const { chat, send, logged } = server();
    const bodies = typeof body === "string" ? [body] : [body, { ...body, stream: true }];
    for (const sent of bodies) {
      const reply = await (typeof sent === "string" ? send("/v1/chat/completions", sent, {}) : chat(sent));
      const { error } = await reply.json();
      expect([reply.status, error.code, error.param]).toEqual([status, code, param]);
      expect(error.message).toMatch(/\..+\.$/); // what is wrong, and what to do
    }
    expect(logged).toEqual([]);
  });
}

// catches a decompression bomb: the limit must bite before pixels are allocated, on bytes as on pixels
test("bytes and pixels are limited before decoding", async () => {
  const huge = png.slice();
  new DataView(huge.buffer).setUint32(16, 60_000);
  new DataView(huge.buffer).setUint32(20, 60_000);
  const { chat } = server({}, { settings: { pictures: { maxBytes: 1000, maxPixels: 10_000 } } });
  for (const bytes of [huge, new Uint8Array(1100)]) {
    const reply = await chat(picture(dataUrl(bytes)));
    expect(reply.status).toBe(400);
    expect((await reply.json()).error.code).toMatch(/image_too_large|invalid_image/);
  }
});

// catches a body that is gathered whole before it is found too large
test("a large body is refused", async () => {
  const { chat } = server({}, { settings: { maxBodyBytes: 100 } });
  expect((await chat({ ...question, user: "x".repeat(200) })).status).toBe(413);
});

// catches a message, path or stack that tells strangers about the machine
test("failures inside are logged and not told", async () => {
  const { chat, logged } = server({ failure: new Error("secret at file.ts:3") });
  for (const stream of [false, true]) {
    const reply = await chat({ ...question, stream });
    expect(reply.status).toBe(500);
    expect(await reply.text()).not.toMatch(/secret|file\.ts|at /);
  }
  expect(logged.join()).toContain("secret");
});

// catches keys that open nothing, keys that are not asked for, and a health check that needs one
test("a key is asked for everywhere but at /health", async () => {
  const { chat, send } = server({}, { settings: { keys: ["right", "other"] } });
  expect((await send("/health")).status).toBe(200);
  for (const authorization of ["Bearer wrong", "Bearer ", "Bearer righ", "right", ""]) {
    const reply = await chat(question, { authorization });
    expect([reply.status, (await reply.json()).error.code]).toEqual([401, "invalid_api_key"]);
  }
  for (const path of ["/metrics", "/v1/models", "/openapi.json", "/api/tags"])
    expect((await send(path)).status).toBe(401);
  expect((await chat(question, { authorization: "Bearer other" })).status).toBe(200);
});

// catches a page of another origin, or a rebound name, that uses the server of whoever looks at it
test("foreign pages and foreign names are refused", async () => {
  const { chat, send } = server({}, { settings: { allowedOrigins: ["https://mine.example"] } });
  const foreign = await chat(question, { origin: "https://evil.example" });
  expect(foreign.status).toBe(403);
  expect(foreign.headers.get("access-control-allow-origin")).toBeNull();
  expect((await send("/v1/models", undefined, { host: "evil.example" })).status).toBe(403);
  const mine = await chat(question, { origin: "https://mine.example" });
  expect(mine.headers.get("access-control-allow-origin")).toBe("https://mine.example");
});

// catches a server that says it is ready while it loads, and clients that are not told to come back
test("while the model loads, health and answers are 503", async () => {
  const { send, chat } = server({}, { engine: () => undefined });
  expect((await send("/health")).status).toBe(503);
  const reply = await chat(question);
  expect([reply.status, reply.headers.get("retry-after")]).toEqual([503, "2"]);
});

// catches a route that is described and missing, or there and not described
test("every described route answers, and others give 404 in the same shape", async () => {
  const { send, app } = server();
  const { paths } = await (await send("/openapi.json")).json();
  const described = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(Object(methods)).map((method) => `${method.toUpperCase()} ${path.replace(/\{.*\}/, ":id{.+}")}`),
  );
  const routes = app.routes.filter(({ method }) => method !== "ALL").map(({ method, path }) => `${method} ${path}`);
  expect(described.toSorted()).toEqual([...new Set(routes)].toSorted());
  const reply = await send("/nowhere");
  expect([reply.status, (await reply.json()).error.code]).toEqual([404, "route_not_found"]);
});

// catches a cost that differs from what the answer then reports
test("input_tokens tells the cost that the answer has", async () => {
  const { chat, send } = server();
  const cost = await (await send("/v1/chat/completions/input_tokens", picture(dataUrl(png)))).json();
  const answer = await (await chat(picture(dataUrl(png)))).json();
  expect(cost).toMatchObject({ input_tokens: 65, images: [{ width: 4, height: 3, views: 1, tokens: 64 }] });
  expect(answer.usage.prompt_tokens).toBe(cost.input_tokens);
});

// catches detail and format that are read and then dropped
test("detail, format, sampling and stop reach the engine", async () => {
  const { chat, engine } = server();
  await chat({
    ...picture(dataUrl(png), { detail: "low" }),
    response_format: { type: "json_schema", json_schema: { name: "x", schema: { type: "object" } } },
    seed: 7,
    top_p: 0.5,
    stop: "end",
    max_completion_tokens: 2,
    chat_template_kwargs: { enable_thinking: false },
  });
  const [request] = engine.requests;
  expect(request).toMatchObject({
    format: { kind: "schema", schema: { type: "object" } },
    sampling: { seed: 7, topP: 0.5, maxNewTokens: 2 },
    stop: ["end"],
    input: { kind: "chat", thinking: false },
  });
  const parts = request.input.kind === "chat" ? request.input.messages[0].content : [];
  expect(parts[1]).toMatchObject({ type: "picture", picture: { detail: "low", image: { width: 4, height: 3 } } });
});

// catches defaults that open the server
test("the defaults are closed", () => {
  expect(DEFAULT_SETTINGS).toMatchObject({ allowedOrigins: [], allowedHosts: [] });
  expect(DEFAULT_SETTINGS.pictures).not.toHaveProperty("mediaRoot");
  expect(DEFAULT_SETTINGS.pictures).not.toHaveProperty("remote");
});
