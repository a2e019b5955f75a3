import { expect, test } from "vitest";
import { AbortedError } from "../../../src/base/errors.ts";
import type { Message } from "../../../src/chat/message.ts";
import { assertNoNetwork } from "../../../src/io/node/no-network.ts";
import { RECORDED, recordedMessages, tinyModel } from "./tiny-model.ts";

const VERSIONS = ["v2.6", "v4.6"] as const;

async function twoQuestions(version: string): Promise<readonly [readonly Message[], readonly Message[]]> {
  const first = await recordedMessages(version, "landscape");
  const content = first[0].content as readonly unknown[];
  const second = [{ role: "user", content: [content[0], "And what is its colour?"] }] as readonly Message[];
  return [first, second];
}

// catches a kept cache that is not what the prompt would have given: stale pages, a recurrent state of the wrong place
test.each(VERSIONS)("%s: a second question about a picture gives the tokens of a fresh model", async (version) => {
  const [first, second] = await twoQuestions(version);
  await using used = await tinyModel(version);
  await using fresh = await tinyModel(version);
  await used.complete(first, RECORDED);
  const before = used.stats;
  const reused = await used.complete(second, RECORDED);
  const wanted = await fresh.complete(second, RECORDED);
  expect(reused.tokens.map(({ id }) => id)).toEqual(wanted.tokens.map(({ id }) => id));
  // neither encoded again nor read again
  expect(used.stats.encodedViews).toBe(before.encodedViews);
  expect(reused.usage.reusedTokens).toBeGreaterThan(reused.usage.pictureTokens);
  expect(used.stats.rows - before.rows).toBeLessThan(fresh.stats.rows - reused.usage.pictureTokens);
});

// catches a conversation that is read from its start at every turn
test("the next turn of a conversation reads only what is new", async () => {
  const first = await recordedMessages("v2.6", "landscape");
  const options = { ...RECORDED, maxNewTokens: 8 };
  await using model = await tinyModel();
  const answer = await model.complete(first, options);
  const next: readonly Message[] = [
    ...first,
    { role: "assistant", content: answer.text },
    { role: "user", content: "Why?" },
  ];
  const reply = await model.complete(next, options);
  expect(reply.usage.reusedTokens).toBeGreaterThanOrEqual(answer.usage.promptTokens);
  await using fresh = await tinyModel();
  const wanted = await fresh.complete(next, options);
  expect(reply.tokens.map(({ id }) => id)).toEqual(wanted.tokens.map(({ id }) => id));
});

// catches samples that read the prompt once each, that share a random stream, or a cache in which they overwrite each other
test("each of several samples is the answer that its seed gives alone", async () => {
  const messages = await recordedMessages("v2.6", "small");
  const options = {
    temperature: 1.5,
    topK: 0,
    topP: 1,
    repetitionPenalty: 1,
    maxNewTokens: 12,
    ignoresStopTokens: true,
  };
  await using model = await tinyModel();
  const together = await model.samples(messages, 3, { ...options, seed: 11 });
  // the prompt was read once for all three
  expect(model.stats.rows).toBeLessThan(together[0].usage.promptTokens + 3 * options.maxNewTokens + 1);
  for (const [i, sample] of together.entries()) {
    await using alone = await tinyModel();
    const single = await alone.complete(messages, { ...options, seed: 11 + i });
    expect(
      sample.tokens.map(({ id }) => id),
      `seed ${11 + i}`,
    ).toEqual(single.tokens.map(({ id }) => id));
  }
  expect(new Set(together.map(({ text }) => text)).size).toBe(3);
});

// catches requests that mix each other's rows when their steps are run together
test("two requests at once get the answers they get alone", async () => {
  const [small, landscape] = [await recordedMessages("v2.6", "small"), await recordedMessages("v2.6", "landscape")];
  await using model = await tinyModel();
  const both = await Promise.all([model.complete(small, RECORDED), model.complete(landscape, RECORDED)]);
  await using other = await tinyModel();
  const alone = [await other.complete(small, RECORDED), await other.complete(landscape, RECORDED)];
  expect(both.map(({ tokens }) => tokens.map(({ id }) => id))).toEqual(
    alone.map(({ tokens }) => tokens.map(({ id }) => id)),
  );
});

// catches a signal that is looked at only between answers, and a cancelled request that keeps its sequence
test("an abort ends the answer within one step and leaves the model usable", async () => {
  const messages = await recordedMessages("v2.6", "small");
  await using model = await tinyModel();
  const abort = new AbortController();
  let count = 0;
  let stepsAtAbort = 0;
  const job = (async () => {
    for await (const event of model.chat(messages, { ...RECORDED, tokenEvents: 0, signal: abort.signal })) {
      if (event.type !== "token" || ++count < 3) continue;
      stepsAtAbort = model.stats.steps;
      abort.abort();
    }
  })();
  await expect(job).rejects.toBeInstanceOf(AbortedError);
  expect(model.stats.steps - stepsAtAbort).toBeLessThanOrEqual(1);
  for (let i = 0; i < 6; i++) await model.complete(messages, { ...RECORDED, maxNewTokens: 2 });
});

// catches a signal that nobody hears while weights are loaded or views encoded, and a part left half loaded
test.each(["loading", "encoding"])("an abort while %s ends the answer, and the next one succeeds", async (stage) => {
  const messages = await recordedMessages("v2.6", "landscape");
  const abort = new AbortController();
  await using model = await tinyModel("v2.6", { onLoad: () => (stage === "loading" ? abort.abort() : undefined) });
  const job = (async () => {
    for await (const { type } of model.chat(messages, { ...RECORDED, signal: abort.signal })) {
      if (type === "progress") abort.abort();
    }
  })();
  await expect(job).rejects.toBeInstanceOf(AbortedError);
  expect(model.stats.steps).toBe(0);
  expect((await model.complete(messages, { ...RECORDED, maxNewTokens: 2 })).tokens).toHaveLength(2);
});

// catches steps of several views that are told as one, views counted per picture instead of per request, and a lost last one
test("an answer tells of every view that was encoded, in order", async () => {
  await using model = await tinyModel();
  const seen: (readonly [number, number])[] = [];
  for await (const event of model.chat(await recordedMessages("v2.6", "pair"), { ...RECORDED, maxNewTokens: 1 })) {
    if (event.type === "progress" && event.stage === "views") seen.push([event.done, event.total]);
  }
  const { encodedViews } = model.stats;
  expect(encodedViews).toBeGreaterThan(2);
  expect(seen).toEqual(Array.from({ length: encodedViews }, (_, i) => [i + 1, encodedViews]));
});

// catches a reader who leaves early and a sequence that is never given back
test("leaving the stream early frees its place", async () => {
  const messages = await recordedMessages("v2.6", "small");
  await using model = await tinyModel();
  for (let i = 0; i < 6; i++) {
    for await (const event of model.chat(messages, RECORDED)) if (event.type === "text") break;
  }
  const answer = await model.complete(messages, { ...RECORDED, maxNewTokens: 4 });
  expect(answer.usage.completionTokens).toBe(4);
});

// catches a message that leaves the reader to guess what would fit
test("a prompt longer than the context says how many tokens it has and what fits", async () => {
  await using model = await tinyModel("v2.6", { contextLength: 128 });
  const messages = await recordedMessages("v2.6", "landscape");
  await expect(model.complete(messages, RECORDED)).rejects.toThrow(
    /262 tokens.*128.*192 of them are of pictures.*about 64/s,
  );
  await expect(model.complete([{ role: "user", content: "Why? ".repeat(40) }], RECORDED)).rejects.toThrow(
    /Leave out \d+/,
  );
  expect((await model.countTokens(messages)).left).toBe(128 - 262);
});

// catches any byte that leaves this machine: telemetry, a tokenizer or template fetched on the side
test("an answer needs no network", async () => {
  const messages = await recordedMessages("v2.6", "small");
  const text = await assertNoNetwork(async () => {
    await using model = await tinyModel("v2.6", { threads: 2 });
    return (await model.complete(messages, RECORDED)).text;
  });
  expect(text.length).toBeGreaterThan(0);
});
