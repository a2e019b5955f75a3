import fc from "fast-check";
import { expect, test } from "vitest";
import { jsonLeaves } from "./json-leaves.ts";

function leavesOf(value: unknown, path: readonly (string | number)[] = []): unknown[] {
  if (Array.isArray(value)) return value.flatMap((each, i) => leavesOf(each, [...path, i]));
  if (typeof value === "object" && value !== null) {
    return Object.entries(value).flatMap(([key, each]) => leavesOf(each, [...path, key]));
  }
  return [[path, value]];
}

// catches paths or places that are off: strings with quotes, numbers with exponents, white space, empty containers
test("finds the leaves that JSON.parse finds, each where its text stands", () => {
  fc.assert(
    fc.property(fc.json(), fc.constantFrom(undefined, 2), (json, indent) => {
      const value: unknown = JSON.parse(json);
      const text = JSON.stringify(value, null, indent);
      const leaves = jsonLeaves(text);
      // keys like "__proto__" or whole numbers are kept in another order by objects than by texts
      fc.pre(!/"(__proto__|\d+)":/.test(text));
      expect(leaves.map(({ path, value: found }) => [path, found])).toEqual(leavesOf(value));
      for (const { start, end, value: found } of leaves) expect(JSON.parse(text.slice(start, end))).toEqual(found);
    }),
  );
});

// catches text that is no JSON being taken for some
test.each(["", "{", '{"a" 1}', "[1,]", "nope", '{"a":1'])("%j is refused", (text) => {
  expect(() => jsonLeaves(text)).toThrow(/The answer/);
});
