import fc from "fast-check";
import { expect, test } from "vitest";
import { ThinkingStream } from "./thinking-stream.ts";

function run(pieces: readonly string[], startsInThought: boolean): { reasoning: string; answer: string } {
  const stream = new ThinkingStream({ startsInThought });
  const results = [...pieces.map((piece) => stream.push(piece)), stream.flush()];
  return {
    reasoning: results.map((result) => result.reasoning).join(""),
    answer: results.map((result) => result.answer).join(""),
  };
}

test.each([
  ["<think>\nhm\n</think>\n\nA.\n", false, "hm", "A.\n"],
  ["hm\n\nho\n</think>\n\nA.", true, "hm\n\nho", "A."],
  ["A. <think>no</think>", false, "", "A. <think>no</think>"],
  ["<think>\n\n</think>\n\nA", false, "", "A"],
  ["<think>cut off\n", false, "cut off", ""],
  ["a </thin b", true, "a </thin b", ""],
  ["", false, "", ""],
  ["<thi", false, "", "<thi"],
])("%j, inside a thought: %s", (text, startsInThought, reasoning, answer) => {
  expect(run([text], startsInThought)).toEqual({ reasoning, answer });
});

// Catches marks that are only found when a token boundary does not cut them.
test("cutting the text differently changes nothing", () => {
  const pieces = fc.array(fc.constantFrom("<think>", "</think>", "\n", " ", "a", "<", "</", "think", ">"), {
    maxLength: 12,
  });
  fc.assert(
    fc.property(pieces, fc.boolean(), (list, startsInThought) => {
      const text = list.join("");
      expect(run([...text], startsInThought)).toEqual(run([text], startsInThought));
      expect(run(list, startsInThought)).toEqual(run([text], startsInThought));
    }),
    { numRuns: 1000 },
  );
});
