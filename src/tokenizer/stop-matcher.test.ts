import fc from "fast-check";
import { expect, test } from "vitest";
import { StopMatcher } from "./stop-matcher.ts";

function run(stops: readonly string[], pieces: readonly string[]): { text: string; stop: string | undefined } {
  const matcher = new StopMatcher(stops);
  let text = "";
  for (const piece of pieces) {
    const result = matcher.push(piece);
    text += result.text;
    if (result.stop !== undefined) return { text, stop: result.stop };
  }
  return { text: text + matcher.flush(), stop: undefined };
}

test("holds back what may become a stop string", () => {
  const matcher = new StopMatcher(["</s>"]);
  expect(matcher.push("a<").text).toBe("a");
  expect(matcher.push("/").text).toBe("");
  expect(matcher.push("x").text).toBe("</x");
  expect(matcher.push("<").text).toBe("");
  expect(matcher.flush()).toBe("<");
});

test("the longest of several that end together wins", () => {
  expect(run(["b", "ab"], ["xaby"])).toEqual({ text: "x", stop: "ab" });
});

// Catches a result that depends on how tokens happen to cut the text, and shown text that belongs to a stop string.
test("cutting the text differently changes nothing", () => {
  const letters = fc.string({ unit: fc.constantFrom("a", "b", "c"), maxLength: 30 });
  const stops = fc.array(fc.string({ unit: fc.constantFrom("a", "b", "c"), minLength: 1, maxLength: 5 }), {
    maxLength: 4,
  });
  fc.assert(
    fc.property(letters, stops, fc.array(fc.nat(30)), (text, list, cuts) => {
      const bounds = [0, ...cuts.filter((cut) => cut <= text.length).sort((a, b) => a - b), text.length];
      const pieces = bounds.slice(1).map((end, index) => text.slice(bounds[index], end));
      const result = run(list, pieces);
      expect(result).toEqual(run(list, [...text]));
      expect(list.some((stop) => result.text.includes(stop))).toBe(false);
    }),
    { numRuns: 500 },
  );
});

test("an empty stop string is refused", () => {
  expect(() => new StopMatcher([""])).toThrow("empty");
});
