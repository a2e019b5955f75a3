import { readFile } from "node:fs/promises";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateText, streamText } from "ai";
import { Ollama } from "ollama";
import OpenAI, { APIError } from "openai";
import { afterAll, beforeAll, expect, test } from "vitest";
import { FOLDER, startTinyServer, type TinyServer } from "./tiny-server.ts";

let tiny: TinyServer;
let wanted = "";
let picture: Uint8Array;
const QUESTION = "What is the total?";
const maxNewTokens = 12;

beforeAll(async () => {
  tiny = await startTinyServer();
  picture = await readFile(`${FOLDER}small.png`);
  // what the library itself answers: every client must get the same words
  const answer = await tiny.model.complete([{ role: "user", content: [picture, QUESTION] }], {
    temperature: 0,
    repetitionPenalty: 1,
    maxNewTokens,
  });
  wanted = answer.text;
  expect(wanted).not.toBe("");
}, 60_000);
afterAll(() => tiny[Symbol.asyncDispose]());

const base64 = () => Buffer.from(picture).toString("base64");
const openai = () => new OpenAI({ baseURL: `${tiny.url}/v1`, apiKey: "none", maxRetries: 0 });
const openaiBody = () => ({
  model: "tiny",
  temperature: 0,
  repetition_penalty: 1,
  max_completion_tokens: maxNewTokens,
  messages: [
    {
      role: "user" as const,
      content: [
        { type: "image_url" as const, image_url: { url: `data:image/png;base64,${base64()}` } },
        { type: "text" as const, text: QUESTION },
      ],
    },
  ],
});

// catches any difference between what the server says and what an unmodified openai client reads
test("openai reads the answer about a picture", async () => {
  const reply = await openai().chat.completions.create({ ...openaiBody(), logprobs: true, top_logprobs: 2 });
  expect(reply.choices[0].message.content).toBe(wanted);
  expect(reply.choices[0].finish_reason).toBe("length");
  expect(reply.usage?.completion_tokens).toBe(maxNewTokens);
  expect(reply.usage?.prompt_tokens_details?.cached_tokens).toBeGreaterThan(0);
  const tokens = reply.choices[0].logprobs?.content ?? [];
  expect(tokens).toHaveLength(maxNewTokens);
  for (const token of tokens) {
    expect(token.top_logprobs).toHaveLength(2);
    expect(token.top_logprobs[0].token).toBe(token.token); // greedy takes the most likely
    expect(token.logprob).toBeLessThanOrEqual(0);
  }
});

// catches a stream that a client cannot follow to its end, and usage that is left out when asked for
test("openai reads the stream", async () => {
  const stream = await openai().chat.completions.create({
    ...openaiBody(),
    stream: true,
    stream_options: { include_usage: true },
  });
  let text = "";
  let completionTokens: number | undefined;
  for await (const chunk of stream) {
    text += chunk.choices[0]?.delta.content ?? "";
    completionTokens = chunk.usage?.completion_tokens ?? completionTokens;
  }
  expect(text).toBe(wanted);
  expect(completionTokens).toBe(maxNewTokens);
});

// catches a schema that is passed on and not enforced, by a client's own parser
test("openai gets JSON that its schema allows, streaming and not", async () => {
  const schema = { type: "object", properties: { total: { type: "integer" } }, required: ["total"] };
  const body = {
    ...openaiBody(),
    max_completion_tokens: 40,
    response_format: {
      type: "json_schema" as const,
      json_schema: { name: "receipt", schema: { ...schema, additionalProperties: false } },
    },
  };
  const { choices } = await openai().chat.completions.create(body);
  const text = choices[0].message.content ?? "";
  if (choices[0].finish_reason === "stop") expect(JSON.parse(text)).toEqual({ total: expect.any(Number) });
  else expect(text).toMatch(/^\s*\{\s*("total"\s*:\s*-?\d*)?/);
});

// catches a text completion that goes through the chat template
test("openai completes a text as it is", async () => {
  const { choices, usage } = await openai().completions.create({
    model: "tiny",
    prompt: "aa",
    max_tokens: 4,
    temperature: 0,
  });
  expect(choices[0].text).not.toBe("");
  expect(usage?.prompt_tokens).toBe(tiny.model.tokenise("aa").length);
});

// catches errors that a client cannot tell apart
test("openai sees errors as its own", async () => {
  const failure = await openai()
    .chat.completions.create({ ...openaiBody(), model: "gpt-9" })
    .catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(APIError);
  expect(failure).toMatchObject({ status: 404, code: "model_not_found", type: "not_found_error", param: "model" });
  const list = await openai().models.list();
  expect(list.data.map(({ id }) => id)).toEqual(["tiny"]);
});

const ollama = () => new Ollama({ host: tiny.url });
const ollamaBody = () => ({
  model: "tiny",
  messages: [{ role: "user", content: QUESTION, images: [base64()] }],
  options: { temperature: 0, repeat_penalty: 1, num_predict: maxNewTokens },
});

// catches a difference from ollama's own protocol: bare base64, NDJSON, nanoseconds
test("ollama reads the answer, streaming and not", async () => {
  const reply = await ollama().chat({ ...ollamaBody(), stream: false });
  expect(reply.message.content).toBe(wanted);
  expect(reply).toMatchObject({ done: true, done_reason: "length", eval_count: maxNewTokens });
  let text = "";
  for await (const part of await ollama().chat({ ...ollamaBody(), stream: true })) text += part.message.content;
  expect(text).toBe(wanted);
  expect((await ollama().list()).models.map(({ name }) => name)).toEqual(["tiny"]);
  expect((await ollama().show({ model: "tiny" })).capabilities).toContain("vision");
  await expect(ollama().chat({ ...ollamaBody(), model: "other", stream: false })).rejects.toThrow("is not here");
});

// catches what the AI SDK sends and reads differently from the openai client
test("the AI SDK reads the answer, streaming and not", async () => {
  const provider = createOpenAICompatible({ name: "minicpmv", baseURL: `${tiny.url}/v1`, includeUsage: true });
  const request = {
    model: provider("tiny"),
    maxRetries: 0,
    temperature: 0,
    maxOutputTokens: maxNewTokens,
    providerOptions: { minicpmv: { repetition_penalty: 1 } },
    messages: [
      {
        role: "user" as const,
        content: [
          { type: "file" as const, data: picture, mediaType: "image/png" },
          { type: "text" as const, text: QUESTION },
        ],
      },
    ],
  };
  const whole = await generateText(request);
  expect(whole.text).toBe(wanted);
  expect(whole.usage.outputTokens).toBe(maxNewTokens);
  let text = "";
  for await (const piece of streamText(request).textStream) text += piece;
  expect(text).toBe(wanted);
});
