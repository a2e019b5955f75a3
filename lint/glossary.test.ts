import { expect, test } from "vitest";
import { readSource } from "./source-tree.ts";

// Catches an axis that types use and no reader can look up, and a row that explains a letter nobody uses.
test("the glossary explains each axis letter once", () => {
  const [, union = ""] = /export type Axis =([^;]*);/.exec(readSource("src/tensor/axis.ts").text) ?? [];
  const letters = [...union.matchAll(/"(\w+)"/g)].map(([, letter]) => letter);
  const rows = [...readSource("docs/glossary.md").text.matchAll(/^\| ([A-Z]) \|/gm)].map(([, letter]) => letter);
  expect(letters.length).toBeGreaterThan(0);
  expect(rows.toSorted()).toEqual(letters.toSorted());
});
