import fc from "fast-check";
import { expect, test } from "vitest";
import { ThinkingSplitter } from "./thinking-splitter.ts";

function split(pieces: readonly string[], startsThinking: boolean): { thinking: string; text: string } {
  const splitter = new ThinkingSplitter(startsThinking);
  const result = { thinking: "", text: "" };
  for (const { kind, text } of [...pieces.flatMap((piece) => splitter.push(piece)), ...splitter.flush()]) {
    result[kind] += text;
  }
  return result;
}

// catches a mark that is missed because it came in two tokens
test("however the text is cut, thought and answer come out the same", () => {
  const texts = [
    "<think>\nhm, 2 < 3\n</think>\n\nYes.",
    "no thought here </think>",
    "  <think>a</think>b",
    "<thin air",
  ];
  fc.assert(
    fc.property(
      fc.constantFrom(...texts),
      fc.array(fc.nat(40), { maxLength: 8 }),
      fc.boolean(),
      (text, cuts, starts) => {
        const at = [...new Set([0, ...cuts.filter((cut) => cut < text.length), text.length])].sort((a, b) => a - b);
        const pieces = at.slice(1).map((end, i) => text.slice(at[i], end));
        expect(split(pieces, starts)).toEqual(split([text], starts));
      },
    ),
  );
});

// catches white space of the marks in the answer, and a thought that the prompt has opened shown as answer
test("takes a thought off, opened by the model or by the prompt", () => {
  expect(split(["<think>\nwhy\n</think>\n\nBecause."], false)).toEqual({ thinking: "why", text: "Because." });
  expect(split(["why\n</think>\n\nBecause."], true)).toEqual({ thinking: "why", text: "Because." });
});

// catches an answer that speaks about the mark being swallowed, and a first space that belongs to the answer
test("leaves an answer without a thought as it is", () => {
  expect(split([" The tag <think> opens a thought."], false)).toEqual({
    thinking: "",
    text: " The tag <think> opens a thought.",
  });
});
