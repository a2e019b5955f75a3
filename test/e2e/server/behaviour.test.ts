import { connect } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { chatBody, FOLDER, PARALLEL, post, startTinyServer, type TinyServer } from "./tiny-server.ts";

let tiny: TinyServer;
beforeAll(async () => {
  tiny = await startTinyServer({
    settings: { pictures: { maxBytes: 2 ** 20, maxPixels: 2 ** 20, mediaRoot: FOLDER } },
  });
});
afterAll(() => tiny[Symbol.asyncDispose]());

const textOf = async (reply: Response): Promise<string> => (await reply.json()).choices[0].message.content;

// catches answers that are computed one after another, and rows of one request that leak into another's
test("answers at once share the model's steps and say what each says alone", async () => {
  const questions = Array.from({ length: PARALLEL }, (_, i) => `${"ab".repeat(i + 1)}?`);
  const alone: string[] = [];
  const ask = async (text: string) => textOf(await post(tiny.url, chatBody(text, 100, { ignore_eos: true })));
  for (const question of questions) alone.push(await ask(question));
  const before = tiny.model.stats;
  const together = await Promise.all(questions.map(ask));
  const { steps, rows } = tiny.model.stats;
  expect(together).toEqual(alone);
  expect((rows - before.rows) / (steps - before.steps)).toBeGreaterThan(3);
});

// catches a picture that is encoded again for every request
test("a picture is encoded once for all who send it", async () => {
  const message = (text: string) =>
    chatBody("", 4, {
      messages: [
        {
          role: "user",
          content: [
            { type: "image_url", image_url: { url: "file:///landscape.png" } },
            { type: "text", text },
          ],
        },
      ],
    });
  const first = await (await post(tiny.url, message("a"))).json();
  const { encodedViews } = tiny.model.stats;
  expect(first.timings.views).toBeGreaterThan(1);
  const second = await (await post(tiny.url, message("b"))).json();
  expect(tiny.model.stats.encodedViews).toBe(encodedViews);
  // the prompt's beginning with the picture is in the cache as well
  expect(second.usage.prompt_tokens_details.cached_tokens).toBeGreaterThan(first.timings.image_tokens);
});

// catches a model that goes on writing for a client that has gone, which a full server cannot afford
test("an answer ends when its client goes, streaming and not", async () => {
  for (const stream of [true, false]) {
    const gone = new AbortController();
    const cancelledBefore = await metric(tiny.url, "minicpmv_cancelled_total");
    const request = post(tiny.url, chatBody("go on", 1900, { stream, ignore_eos: true }), gone.signal);
    if (stream) await (await request).body?.getReader().read();
    else await until(async () => (await metric(tiny.url, "minicpmv_active_requests")) === 1);
    gone.abort();
    await request.then((reply) => reply.text()).catch(() => undefined);
    await until(async () => (await metric(tiny.url, "minicpmv_active_requests")) === 0);
    await until(async () => (await metric(tiny.url, "minicpmv_cancelled_total")) === cancelledBefore + 1);
  }
});

// catches a connection that is cut by a malformed request together with everyone else's
test("a broken request leaves the server alone", async () => {
  const { port } = new URL(tiny.url);
  await new Promise<void>((resolve) => {
    const socket = connect(Number(port), "127.0.0.1", () =>
      socket.write("POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n"),
    );
    socket.on("data", () => undefined);
    socket.on("close", () => resolve());
  });
  expect((await fetch(`${tiny.url}/health`)).status).toBe(200);
});

// catches a context that overflows with a stack trace
test("10,000 tokens into a smaller context are refused in words", async () => {
  const reply = await post(tiny.url, chatBody("word ".repeat(10_000), 4));
  expect(reply.status).toBe(400);
  expect((await reply.json()).error).toMatchObject({ code: "context_length_exceeded", param: "messages" });
});

// catches a schema error that becomes a failure of the server
test("a schema that cannot be satisfied is refused in words", async () => {
  const schema = { type: "integer", minimum: 2, maximum: 1 };
  const reply = await post(
    tiny.url,
    chatBody("a", 4, { response_format: { type: "json_schema", json_schema: { name: "x", schema } } }),
  );
  expect([reply.status, (await reply.json()).error.code]).toEqual([400, "unsatisfiable_json_schema"]);
});

// catches a shutdown that cuts answers off, or one that waits for ever
test("stopping lets short answers finish and tells long ones", async () => {
  const own = await startTinyServer({ settings: { graceMs: 300 } });
  const short = await post(own.url, chatBody("a", 3, { stream: true }));
  const long = await post(own.url, chatBody("b", 1900, { stream: true, ignore_eos: true }));
  const texts = [short.text(), long.text()];
  const stopped = own[Symbol.asyncDispose]();
  expect(await texts[0]).toContain('"finish_reason":"length"');
  expect(await texts[1]).toContain('"code":"server_shutting_down"');
  expect((await texts[1]).trimEnd()).toMatch(/\[DONE\]$/);
  await stopped;
  await expect(fetch(`${own.url}/health`)).rejects.toThrow();
});

// catches a port that is open to the network by default, and a taken port told by a stack
test("the server listens on loopback, and a taken port is told in words", async () => {
  expect(new URL(tiny.url).hostname).toBe("127.0.0.1");
  const port = Number(new URL(tiny.url).port);
  await expect(startTinyServer({ port })).rejects.toMatchObject({ code: "E_SERVER_START" });
});

// catches connections that the server closes while a client or a proxy still sends into them: its next request would have no answer
test("an idle connection is promised for longer than a proxy's minute", async () => {
  const reply = await fetch(`${tiny.url}/health`);
  await reply.text();
  expect(Number(/timeout=(\d+)/.exec(reply.headers.get("keep-alive") ?? "")?.[1])).toBeGreaterThan(60);
});

async function metric(url: string, name: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(new RegExp(`^${name} (.*)$`, "m").exec(text)?.[1]);
}

/** Asks again until it holds; the test's own time limit is the end. */
async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds()));
}
