import { expect, test } from "vitest";
import { createApp } from "../app.ts";
import { fakeEngine } from "../testing/fake-engine.ts";

function send(path: string, body: unknown) {
  const engine = fakeEngine({ reasoning: "Hm." });
  const { app } = createApp({ engine: () => engine });
  const headers = { host: "localhost" };
  return { engine, reply: app.request(path, { method: "POST", body: JSON.stringify(body), headers }) };
}

const question = { model: "tiny", messages: [{ role: "user", content: "Total?" }] };

// catches a stream of OpenAI's kind where ollama's clients read one JSON object a line
test("an answer streams as lines, thoughts apart, the last one done", async () => {
  const text = await (await send("/api/chat", question).reply).text();
  const lines = text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(lines.map(({ message }) => message.content).join("")).toBe("Total 42.00");
  expect(lines[0].message.thinking).toBe("Hm.");
  expect(lines.map(({ done }) => done)).toEqual([false, false, false, false, true]);
  expect(lines.at(-1)).toMatchObject({ done_reason: "stop", eval_count: 3, eval_duration: 20_000_000 });
});

// catches ollama's own words for options, formats and tags that are dropped
test("options, format and tag are understood", async () => {
  const schema = { type: "object" };
  const options = { num_predict: -1, repeat_penalty: 1.1, seed: -1, stop: ["x"] };
  const { engine, reply } = send("/api/chat", {
    ...question,
    model: "tiny:latest",
    stream: false,
    format: schema,
    options,
  });
  expect((await reply).status).toBe(200);
  expect(engine.requests[0]).toMatchObject({
    format: { kind: "schema", schema },
    stop: ["x"],
    sampling: { repetitionPenalty: 1.1, seed: 2 ** 32 - 1, maxNewTokens: undefined },
  });
});

// catches errors in a shape that ollama's clients show as [object Object]
test("errors are a plain sentence", async () => {
  const reply = await send("/api/chat", { ...question, model: "other" }).reply;
  expect(reply.status).toBe(404);
  expect(await reply.json()).toEqual({ error: expect.stringContaining("is not here"), code: "model_not_found" });
});
