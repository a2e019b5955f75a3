import { expect, test } from "vitest";
import type { ChatEvent } from "../../../src/chat/answer.ts";
import { RECORDED, recordedMessages, tinyModel } from "../chat/tiny-model.ts";

const OPTIONS = { ...RECORDED, maxNewTokens: 4 } as const;

// bugs: progress that jumps from nothing to all, that counts pictures instead of views, or that comes after the work
test("progress counts every view, then the prompt, before the first text", async () => {
  await using model = await tinyModel();
  const messages = await recordedMessages("v2.6", "landscape");
  const { pictures, total } = await model.countTokens(messages);
  const events: ChatEvent[] = [];
  for await (const event of model.chat(messages, OPTIONS)) events.push(event);
  const steps = (stage: string): (readonly [number, number])[] =>
    events.flatMap((each) => (each.type === "progress" && each.stage === stage ? [[each.done, each.total]] : []));
  const views = pictures[0] / 64;
  expect(views).toBe(3);
  expect(steps("views")).toEqual([
    [1, views],
    [2, views],
    [views, views],
  ]);
  expect(steps("prompt").at(-1)).toEqual([total, total]);
  const kinds = events.map((each) => (each.type === "progress" ? each.stage : each.type));
  expect(kinds.lastIndexOf("views")).toBeLessThan(kinds.indexOf("prompt"));
  expect(kinds.lastIndexOf("prompt")).toBeLessThan(kinds.findIndex((kind) => kind === "text" || kind === "token"));
});

// bugs: encoding counted as prefill, a part counted twice, a second question that claims to have encoded again
test("the time to the first token is made of cutting, encoding and prefill", async () => {
  await using model = await tinyModel();
  const messages = await recordedMessages("v2.6", "landscape");
  const { timings } = await model.complete(messages, OPTIONS);
  const parts = timings.preprocessMs + timings.encodeMs + timings.prefillMs;
  expect(Math.min(timings.preprocessMs, timings.encodeMs, timings.prefillMs)).toBeGreaterThan(0);
  expect(parts).toBeLessThanOrEqual(timings.firstTokenMs + 1);
  // what is left is choosing one token
  expect(timings.firstTokenMs - parts).toBeLessThan(timings.firstTokenMs / 4);
  const again = await model.complete(messages, OPTIONS);
  expect(again.timings.encodeMs).toBeLessThan(timings.encodeMs / 4);
});

// bugs: an ending taken although more was asked for, an answer one token too long
test("an answer has at least and at most the tokens that were asked for", async () => {
  await using model = await tinyModel();
  const messages = await recordedMessages("v2.6", "small");
  const endless = { temperature: 1.5, topK: 0, topP: 1, minP: 0, repetitionPenalty: 1 };
  for (let seed = 0; seed < 8; seed++) {
    const { tokens, finishReason } = await model.complete(messages, {
      ...endless,
      seed,
      minNewTokens: 20,
      maxNewTokens: 24,
    });
    expect(tokens.length, `seed ${seed}`).toBeGreaterThanOrEqual(20);
    expect(tokens.length, `seed ${seed}`).toBeLessThanOrEqual(24);
    expect(finishReason, `seed ${seed}`).toBe(tokens.length === 24 ? "length" : "stop");
  }
});

// bugs: a seed that is not used, or state that one answer leaves to the next
test("the same seed gives the same answer, another seed another one", async () => {
  await using model = await tinyModel();
  const messages = await recordedMessages("v2.6", "small");
  const ask = async (seed: number) =>
    (await model.complete(messages, { temperature: 1.5, topK: 0, topP: 1, seed, maxNewTokens: 16 })).text;
  const first = await ask(1);
  expect(await ask(2)).not.toBe(first);
  expect(await ask(1)).toBe(first);
});
