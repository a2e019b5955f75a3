import { expect, test } from "vitest";
import { load } from "../../../src/chat/load.ts";
import { EXACT, RECORDED, recordedCase, recordedMessages, tinyFolder, tinyModel } from "./tiny-model.ts";

const CASES = [
  ["v2.0", "landscape"],
  ["v2.5", "landscape"],
  ["v2.6", "small"],
  ["v2.6", "landscape"],
  ["v2.6", "pair"],
  ["v4.0", "landscape"],
  ["v4.5", "landscape"],
  ["v4.6", "landscape"],
] as const;

// catches a prompt, a picture rule or a cache that differs from the released chat() although every part is right
test.each(CASES)("%s %s: the public API gives the official greedy tokens", async (version, name) => {
  const wanted = await recordedCase(version, name);
  await using model = await tinyModel(version);
  const answer = await model.complete(await recordedMessages(version, name), RECORDED);
  expect(answer.usage.promptTokens).toBe(wanted.promptTokens);
  expect(answer.tokens.map(({ id }) => id)).toEqual(wanted.greedyTokens);
});

// catches versions whose files are opened by another way than a folder, and o-versions taken for those whose weights they share
test.each([
  ["v1.0", "v2.0", "landscape"],
  ["o2.6", "v2.6", "small"],
  ["o4.5", "v4.5", "small"],
] as const)(
  "%s, with the weights of %s: files named one by one give the official tokens",
  async (version, weights, name) => {
    const wanted = await recordedCase(version, name);
    const names = ["config.json", "tokenizer.json", "tokenizer_config.json"];
    const files = Object.fromEntries(names.map((file) => [file, `${tinyFolder(version)}/${file}`]));
    await using model = await load({ language: `${tinyFolder(weights)}/model.safetensors`, files }, EXACT);
    const answer = await model.complete(await recordedMessages(version, name), RECORDED);
    expect(answer.usage.promptTokens).toBe(wanted.promptTokens);
    expect(answer.tokens.map(({ id }) => id)).toEqual(wanted.greedyTokens);
  },
);

// catches an option that is lost on the way to the model: 2.5's views one by one instead of padded to the longest
test("2.5: positions view by view give the official tokens of the other form", async () => {
  const messages = await recordedMessages("v2.5", "landscape_per_view");
  await using model = await tinyModel("v2.5", { positions: "ownStrip" });
  const { tokens } = await model.complete(messages, RECORDED);
  const [own, released] = [await recordedCase("v2.5", "landscape_per_view"), await recordedCase("v2.5", "landscape")];
  expect(tokens.map(({ id }) => id)).toEqual(own.greedyTokens);
  expect(own.greedyTokens).not.toEqual(released.greedyTokens);
});

// catches a picture's own mode being ignored, or rows of one mode kept for the other
test("4.6: a picture's own 4x mode gives the official tokens, beside 16x pictures of the same model", async () => {
  const [coarse, fine] = [await recordedCase("v4.6", "landscape"), await recordedCase("v4.6", "landscape_4x")];
  await using model = await tinyModel("v4.6");
  const messages = await recordedMessages("v4.6", "landscape");
  const ids = async (downsample?: "4x") =>
    (await model.complete(messages, { ...RECORDED, downsample })).tokens.map(({ id }) => id);
  expect(await ids()).toEqual(coarse.greedyTokens);
  expect(await ids("4x")).toEqual(fine.greedyTokens);
  expect(await ids()).toEqual(coarse.greedyTokens);
});

// catches threads or the shared memory changing a result
test("two threads give the same tokens and probabilities as one", async () => {
  const messages = await recordedMessages("v2.6", "small");
  await using one = await tinyModel("v2.6", { threads: 1 });
  await using two = await tinyModel("v2.6", { threads: 2 });
  const [a, b] = [await one.complete(messages, RECORDED), await two.complete(messages, RECORDED)];
  expect(b.tokens).toEqual(a.tokens);
});

// catches a loading order that answers differently, or that keeps both parts where the budget forbids it
test("a budget that holds one part at a time gives the same tokens with a lower peak", async () => {
  const messages = await recordedMessages("v2.6", "landscape");
  await using roomy = await tinyModel("v2.6", { load: "together" });
  const { plan } = roomy.runtime;
  const budget = Math.max(
    plan.vision.weightBytes + plan.vision.workspaceBytes,
    plan.decoder.weightBytes + plan.decoder.stateBytes + plan.decoder.workspaceBytes,
  );
  await using tight = await tinyModel("v2.6", { memoryBytes: budget });
  expect(tight.runtime.plan.keepsBoth).toBe(false);
  const [a, b] = [await roomy.complete(messages, RECORDED), await tight.complete(messages, RECORDED)];
  expect(b.tokens.map(({ id }) => id)).toEqual(a.tokens.map(({ id }) => id));
  expect(tight.stats.peakResidentBytes).toBeLessThan(roomy.stats.peakResidentBytes);
  expect(tight.stats.loads.map(({ part }) => part)).toEqual(["tower", "language model"]);
});

// catches an allocation before the refusal
test("a model that cannot fit is refused before anything is loaded", async () => {
  await expect(tinyModel("v2.6", { memoryBytes: 2 ** 20 })).rejects.toMatchObject({ code: "E_MEMORY_BUDGET" });
});
