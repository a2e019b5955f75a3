import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, test } from "vitest";
import { askEndpoint, EndpointError } from "./ask-endpoint.ts";
import { type AskModel, captionFault, parseReply, rewriteByRule, rewriteCaption } from "./rewrite-captions.ts";

const replying =
  (text: string): AskModel =>
  async () =>
    text;

describe("a model's rewriting", () => {
  const raw = "two dogs run beach sunset IMG_2.jpg";

  test("is kept with the raw caption and where it came from", async () => {
    const ask = replying("Question: What do the dogs do?\nAnswer: Two dogs run on a beach at sunset.");
    expect(await rewriteCaption(raw, { ask, modelName: "m" })).toEqual({
      raw,
      question: "What do the dogs do?",
      answer: "Two dogs run on a beach at sunset.",
      origin: { kind: "model", name: "m", promptVersion: 1 },
    });
  });

  // would catch: a chatty reply trained on as if it were the answer, and invented facts let through
  test.each([
    ["another form", "Sure! Here is a nice caption about dogs.", /not in the form/],
    ["a number from nowhere", "Question: How many?\nAnswer: There are 17 dogs on the beach.", /the number 17/],
    [
      "far too much",
      `Question: What?\nAnswer: ${"The dogs run and play and jump. ".repeat(12)}`,
      /characters for a caption/,
    ],
  ])("of %s falls back to the rule", async (_, reply, reason) => {
    const result = await rewriteCaption(raw, { ask: replying(reply) });
    expect(result).toMatchObject({ raw, answer: "Two dogs run beach sunset.", origin: { kind: "rule" } });
    expect("origin" in result && result.origin.kind === "rule" && result.origin.reason).toMatch(reason);
  });

  test("that finds nothing to describe leaves the caption out", async () => {
    const result = await rewriteCaption("free shipping on all orders", { ask: replying("NONE") });
    expect(result).toMatchObject({ refused: expect.stringContaining("nothing") });
  });

  test("is asked for with the instruction first and the caption last, examples between", async () => {
    let roles: readonly string[] = [];
    const ask: AskModel = async (messages) => {
      roles = messages.map(({ role }) => role);
      expect(messages.at(-1)?.content).toContain(raw);
      return "NONE";
    };
    await rewriteCaption(raw, { ask });
    expect(roles).toEqual(["system", "user", "assistant", "user", "assistant", "user"]);
  });
});

test("a reply is read with bold labels and several lines", () => {
  expect(parseReply("**Question:** What?\n\n**Answer:** A cat\nsleeps.")).toEqual({
    question: "What?",
    answer: "A cat sleeps.",
  });
  expect(parseReply("none.")).toBe("none");
  expect(parseReply("Answer: A cat.")).toBeUndefined();
});

describe("the rule", () => {
  test.each([
    ["Red red car parked on street | Stock Photo", "Red car parked on street."],
    ["a cat on a sofa #cats http://x.y/z", "A cat on a sofa."],
    ["Vintage oak table with four chairs $129.99", "Vintage oak table with four chairs."],
    ["一只猫睡在沙发上", "一只猫睡在沙发上。"],
  ])("cleans %j", (raw, answer) => {
    expect(rewriteByRule(raw, "no model")).toMatchObject({ raw, answer, origin: { kind: "rule" } });
  });
});

describe("the cleaning filter", () => {
  test.each([
    ["IMG_0001.JPG", /words|letters/],
    ["12345 67890 !!!", /letters/],
    ["sale sale sale sale sale shoes", /one word/],
    ["aaaaaaaaaaa what a day", /repeated/],
    ["<div>a picture of a dog</div>", /markup/],
    ["x ".repeat(600), /characters/],
  ])("refuses %j", (text, reason) => {
    expect(captionFault(text)).toMatch(reason);
  });

  test("lets plain captions through", () => {
    for (const text of ["A dog sleeps on the sofa", "两只狗在海边奔跑", "Vue sur la vieille ville de Lyon"]) {
      expect(captionFault(text), text).toBeUndefined();
    }
  });
});

describe("an endpoint", () => {
  const raw = "two dogs run beach sunset IMG_2.jpg";

  /** A chat server that notes what it is asked and answers with these. */
  async function asked(answers: readonly (readonly [status: number, body: string])[]) {
    const seen: { url: string | undefined; key: string | undefined; body: string }[] = [];
    const server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => void chunks.push(chunk));
      request.on("end", () => {
        const [status, body] = answers[seen.length] ?? [500, "no more answers"];
        seen.push({ url: request.url, key: request.headers.authorization, body: Buffer.concat(chunks).toString() });
        response.writeHead(status).end(body);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const close = () => new Promise<unknown>((resolve) => server.close(resolve));
    return { seen, close, url: `http://127.0.0.1:${port}/v1/` };
  }

  // would catch: another route or form than OpenAI's, a key that is left out, a reply read from the wrong place
  test("is asked on OpenAI's chat route, and its answer is kept", async () => {
    const content = "Question: What do the dogs do?\nAnswer: Two dogs run on a beach at sunset.";
    const { seen, close, url } = await asked([[200, JSON.stringify({ choices: [{ message: { content } }] })]]);
    const ask = askEndpoint({ url, modelName: "m", apiKey: "k" });
    const result = await rewriteCaption(raw, { ask, modelName: "m" });
    await close();
    expect(result).toMatchObject({ raw, question: "What do the dogs do?", origin: { kind: "model", name: "m" } });
    expect(seen).toMatchObject([{ url: "/v1/chat/completions", key: "Bearer k" }]);
    expect(JSON.parse(seen[0].body)).toMatchObject({ model: "m", temperature: 0, messages: { length: 6 } });
  });

  // would catch: captions quietly rewritten by rules because the key was wrong
  test("that refuses, breaks off or is not there is a typed error with what it said", async () => {
    const { close, url } = await asked([
      [401, "wrong key"],
      [200, "<html>"],
      [200, '{"choices":[]}'],
    ]);
    const ask = askEndpoint({ url, modelName: "m" });
    for (const said of [/answered 401: wrong key/, /no chat completion: <html>/, /no chat completion: \{"choices"/]) {
      const error = await rewriteCaption(raw, { ask }).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(EndpointError);
      expect(String(error)).toMatch(said);
    }
    await close();
    await expect(rewriteCaption(raw, { ask })).rejects.toThrow(/cannot be reached/);
  });
});
