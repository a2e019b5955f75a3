import { readFile } from "node:fs/promises";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateText, streamText } from "ai";
import { Ollama } from "ollama";
import OpenAI from "openai";
import { afterAll, beforeAll, expect, test } from "vitest";
import { load } from "../../../src/chat/load.ts";
import { hasEmbeddedModel } from "../../../src/runtime/node/embedded-folder.ts";
import { type LoadedEngine, loadEngine } from "../../../src/server/load-engine.ts";
import { type RunningServer, serve } from "../../../src/server/serve.ts";

const FOLDER = new URL("../../../examples/", import.meta.url);
const { picture, question, total } = JSON.parse(await readFile(new URL("receipt.json", FOLDER), "utf8"));
const bytes = await readFile(new URL(picture, FOLDER));
const base64 = bytes.toString("base64");

/** What the weights have learnt can be tested only where they are. */
const hasWeights = hasEmbeddedModel();
const reads = test.skipIf(!hasWeights);
const note = hasWeights ? "" : " (no embedded model in this build)";

let loaded: LoadedEngine;
let server: RunningServer;
beforeAll(async () => {
  if (!hasWeights) return;
  loaded = await loadEngine("pocket");
  server = await serve({ port: 0, load: async () => loaded.engine });
  await server.ready;
}, 60_000);
afterAll(async () => {
  await server?.stop();
  await loaded?.[Symbol.asyncDispose]();
});

// would catch: weights that do not belong to the code, a picture that is cut otherwise, an answer about something else
reads(`load() reads the receipt's total${note}`, async () => {
  await using model = await load();
  const { text } = await model.complete([{ role: "user", content: [bytes, question] }]);
  expect(text).toContain(total);
});

reads(`an unmodified openai client reads it, streaming and not${note}`, async () => {
  const client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "none" });
  const image_url = { url: `data:image/png;base64,${base64}` };
  const content = [
    { type: "image_url" as const, image_url },
    { type: "text" as const, text: question },
  ];
  const body = { model: "pocket", messages: [{ role: "user" as const, content }] };
  const whole = await client.chat.completions.create(body);
  expect(whole.choices[0].message.content).toContain(total);
  let text = "";
  for await (const part of await client.chat.completions.create({ ...body, stream: true })) {
    text += part.choices[0]?.delta.content ?? "";
  }
  expect(text).toContain(total);
});

reads(`an unmodified ollama client reads it${note}`, async () => {
  const client = new Ollama({ host: server.url });
  const messages = [{ role: "user", content: question, images: [base64] }];
  const whole = await client.chat({ model: "pocket", messages });
  expect(whole.message.content).toContain(total);
});

reads(`an unmodified AI SDK reads it, streaming and not${note}`, async () => {
  const model = createOpenAICompatible({ name: "minicpmv", baseURL: `${server.url}/v1` })("pocket");
  const file = { type: "file" as const, data: bytes, mediaType: "image/png" };
  const messages = [{ role: "user" as const, content: [file, { type: "text" as const, text: question }] }];
  expect((await generateText({ model, messages })).text).toContain(total);
  let text = "";
  for await (const piece of streamText({ model, messages }).textStream) text += piece;
  expect(text).toContain(total);
});
