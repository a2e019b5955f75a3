import { expect, test } from "vitest";
import { recordedCase, tinyFolder } from "../chat/tiny-model.ts";
import { cli } from "./run-cli.ts";

const MODEL = tinyFolder("v2.6");
const ASK = ["-m", MODEL, "-t", "1", "--temp", "0", "--repeat-penalty", "1", "--kernels", "generic", "-n", "8"];

function typed(...lines: readonly string[]): Uint8Array {
  return new TextEncoder().encode(lines.map((line) => `${line}\n`).join(""));
}

async function answerOf(...args: readonly string[]): Promise<string> {
  return (await cli(["run", ...args, ...ASK])).out;
}

// catches lines of a pipe that are lost when it closes before the first answer, a picture that is asked about twice or in no turn, and
// a conversation that /clear does not forget
test("chat answers each line of a pipe, with pictures where they were named", async () => {
  const { question } = await recordedCase("v2.6", "small");
  const lines = typed(`/image ${MODEL}/small.png`, question, "/clear", "Why?", "/frob", "/bye", "never read");
  const { code, out, notes } = await cli(["chat", ...ASK], { input: lines });
  expect([code, out]).toEqual([0, `${await answerOf(`${MODEL}/small.png`, question)}${await answerOf("Why?")}`]);
  expect(notes.match(/\/clear forgets/g)).toHaveLength(2);
});

// catches a second turn that does not know the first, and one that reads the picture again
test("the next turn knows the one before and reads its picture from the cache", async () => {
  const { question } = await recordedCase("v2.6", "small");
  const { notes } = await cli(["chat", `${MODEL}/small.png`, ...ASK, "--stats"], { input: typed(question, "Why?") });
  const turns = Array.from(notes.matchAll(/prompt +(\d+) tokens, (\d+) of them of pictures, (\d+) reused/g));
  const [[first, , none], [second, pictures, reused]] = turns.map(([, ...counts]) => counts.map(Number));
  expect([none, pictures]).toEqual([0, 64]);
  expect(second).toBeGreaterThan(first);
  expect(reused).toBeGreaterThanOrEqual(first);
});

// catches a mistyped name that ends an hour of conversation
test("a picture that is not there costs its turn alone", async () => {
  const { code, out, notes } = await cli(["chat", ...ASK], { input: typed("/image nowhere.png", "What?", "Why?") });
  expect(notes).toMatch(/Error: nowhere\.png cannot be opened/);
  expect(notes).not.toMatch(/\n\s+at /);
  expect([code, out]).toEqual([1, await answerOf("Why?")]);
});
