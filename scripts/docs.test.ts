import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { generatedPages } from "./docs.ts";
import { publicNames } from "./docs-api.ts";
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

// Catches a public name that the page misses, or calls a value where only a type is exported.
test("an entry's names are read with their kind and first sentence", () => {
  const files: Record<string, string> = {
    "src/index.ts":
      'export { load, type Model as LoadedModel } from "./chat/load.ts";\nexport type { Box } from "./image/box.ts";',
    "src/chat/load.ts":
      "/** Loads it. Throws X. */\nexport async function load() {}\n/**\n * A model\n * in memory.\n */\nexport interface Model {}",
    "src/image/box.ts": "export type Box = number;",
  };
  expect(publicNames("src/index.ts", (path) => files[path])).toEqual([
    { name: "load", isType: false, summary: "Loads it." },
    { name: "LoadedModel", isType: true, summary: "A model in memory." },
    { name: "Box", isType: true, summary: "" },
  ]);
});
