import { expect, test } from "vitest";
import type { ChatEvent } from "../../../src/chat/answer.ts";
import { tinyModel } from "./tiny-model.ts";

const ASK = [{ role: "user", content: "Why?" }] as const;
const OPTIONS = { temperature: 0, maxNewTokens: 24, ignoresStopTokens: true } as const;

// catches a thought shown as the answer: with thinking on, the prompt of 4.5 opens it and the tiny model never closes it
test("what comes before the end of the thought is kept apart from the answer", async () => {
  await using model = await tinyModel("v4.5");
  const events: ChatEvent[] = [];
  for await (const event of model.chat(ASK, { ...OPTIONS, thinking: true })) events.push(event);
  const done = events.at(-1);
  expect(done?.type === "done" && done.answer.text).toBe("");
  expect(done?.type === "done" && done.answer.thinking.length).toBeGreaterThan(0);
  expect(events.some(({ type }) => type === "text")).toBe(false);
});

// catches thinking that cannot be turned off: the prompt must say so, and the text is then the answer
test("with thinking off, the whole text is the answer", async () => {
  await using model = await tinyModel("v4.5");
  const answer = await model.complete(ASK, { ...OPTIONS, thinking: false });
  expect([answer.thinking, answer.text.length > 0]).toEqual(["", true]);
  const [on, off] = [
    await model.countTokens(ASK, { thinking: true }),
    await model.countTokens(ASK, { thinking: false }),
  ];
  expect(off.total).toBeGreaterThan(on.total);
});

// catches a stop string that is shown, or looked for across what the model thought
test("a stop string ends the answer and is left out of it", async () => {
  await using model = await tinyModel("v2.6");
  const whole = await model.complete(ASK, OPTIONS);
  const middle = whole.text.slice(4, 7);
  const stopped = await model.complete(ASK, { ...OPTIONS, stop: [middle] });
  expect(stopped.finishReason).toBe("stop string");
  expect(stopped.text).toBe(whole.text.slice(0, whole.text.indexOf(middle)));
});
