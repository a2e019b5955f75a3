import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { streamReply } from "./stream-reply.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const options = (gone: string[] = []) => ({
  contentType: "text/event-stream",
  onError: (error: unknown) => `error: ${error instanceof Error ? error.message : error}`,
  onGone: () => gone.push("gone"),
  ping: { text: ": ping\n\n", everyMs: 15_000 },
});

// catches a connection that a proxy closes while the model reads a long prompt, and a ping between every two words
test("a silent stream is kept alive, a busy one is not disturbed", async () => {
  let release = (): void => undefined;
  async function* lines(): AsyncGenerator<string> {
    await new Promise<void>((resolve) => {
      release = resolve;
    });
    yield "word";
  }
  const replying = streamReply(lines(), options());
  await vi.advanceTimersByTimeAsync(2000);
  const reader = (await replying).body?.pipeThrough(new TextDecoderStream()).getReader();
  await vi.advanceTimersByTimeAsync(15_000);
  expect(await reader?.read()).toEqual({ done: false, value: ": ping\n\n" });
  release();
  expect(await reader?.read()).toEqual({ done: false, value: "word" });
  expect(await reader?.read()).toMatchObject({ done: true });
  expect(vi.getTimerCount()).toBe(0);
});

// catches a 200 for a request that fails at once, which clients would take for an answer
test("a failure before the first line has its own status", async () => {
  async function* lines(isBroken = true): AsyncGenerator<string> {
    if (isBroken) throw new Error("wrong");
    yield "word";
  }
  await expect(streamReply(lines(), options())).rejects.toThrow("wrong");
});

// catches a stream that breaks off without a word
test("a failure after the first line is told in the stream", async () => {
  async function* lines(): AsyncGenerator<string> {
    yield "word ";
    throw new Error("wrong");
  }
  const reply = await streamReply(lines(), options());
  expect(await reply.text()).toBe("word error: wrong");
});

// catches an answer that is written on for a client that has gone, and a timer that outlives it
test("a client that goes ends the lines", async () => {
  const gone: string[] = [];
  async function* lines(): AsyncGenerator<string> {
    try {
      for (;;) yield "word";
    } finally {
      gone.push("ended");
    }
  }
  const reply = await streamReply(lines(), options(gone));
  const reader = reply.body?.getReader();
  await reader?.read();
  await reader?.cancel();
  await vi.advanceTimersByTimeAsync(0);
  expect(gone).toEqual(["gone", "ended"]);
  expect(vi.getTimerCount()).toBe(0);
});
