import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { generatedPages } from "./docs.ts";
import { allErrorClasses } from "./docs-errors.ts";
import { callArguments, errorClasses } from "./error-classes.ts";

// Catches an error or op that was added or reworded without its page: a reader finds nothing there, or last month's advice.
test("the generated pages are what npm run docs writes", () => {
  for (const { path, text } of generatedPages())
    expect(readFileSync(path, "utf8"), `${path}: run npm run docs`).toBe(text);
});

// Catches two classes that programs cannot tell apart.
test("every code belongs to one class", () => {
  const codes = allErrorClasses().flatMap(({ code }) => code ?? []);
  expect(codes.filter((code, index) => codes.indexOf(code) !== index)).toEqual([]);
});

// Catches a scanner that loses its place at a quote, a template or a nested call.
test("a class is read with its code, message shape and hint", () => {
  const text = `/** Gone. */
export class GoneError extends MiniCpmError {
  constructor(name: string, hint = "Fetch \\"it\\".") {
    super("E_GONE", \`\${JSON.stringify(name)} is gone (\${a ? "x, y" : \`\${b}\`}), sorry.\`, hint, { cause });
  }
}`;
  expect(errorClasses("src/x/errors.ts", text)).toEqual([
    {
      name: "GoneError",
      parent: "MiniCpmError",
      path: "src/x/errors.ts",
      summary: "Gone.",
      code: "E_GONE",
      message: "‹name› is gone (‹…›), sorry.",
      hint: 'Fetch "it".',
    },
  ]);
  expect(callArguments('"a,b", f(1, [2, 3]), { x: ")" }) rest')).toEqual(['"a,b"', "f(1, [2, 3])", '{ x: ")" }']);
});
