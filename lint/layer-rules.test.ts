import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import {
  ENTRY,
  entryRemainder,
  type ImportRules,
  importCycle,
  type LayerTable,
  layerOf,
  layerViolations,
  wayToNode,
} from "./layer-rules.ts";
import { librarySources, ROOT } from "./source-tree.ts";

const layers: LayerTable = JSON.parse(readFileSync(join(import.meta.dirname, "layers.json"), "utf8"));

interface Manifest {
  readonly dependencies?: Record<string, string>;
  readonly peerDependencies?: Record<string, string>;
}

const manifest: Manifest = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
const rules: ImportRules = {
  layers,
  dependencies: Object.keys(manifest.dependencies ?? {}),
  optional: Object.keys(manifest.peerDependencies ?? {}),
};

const planted = (path: string, text: string): readonly string[] => layerViolations([{ path, text }], rules);

// Catches a layer that reaches upwards: the lower one could then not be used, tested or replaced alone.
test("every import of the library follows the layer table", () => {
  expect(layerViolations(librarySources(), rules)).toEqual([]);
});

// Catches modules that see each other half initialised, and knots that cannot be read in any order.
test("no file of the library imports itself through others", () => {
  expect(importCycle(librarySources())).toBeUndefined();
});

// Catches a table whose arrows go round: the order low to high would mean nothing.
test("each layer imports only layers listed before it", () => {
  const names = Object.keys(layers);
  const upward = Object.entries(layers).flatMap(([name, lower]) =>
    lower.filter((other) => names.indexOf(other) < 0 || names.indexOf(other) >= names.indexOf(name)),
  );
  expect(upward).toEqual([]);
});

// Catches an entry for pages that fails to load there because something below it names a Node module.
test("what pages load reaches no Node module by static imports", () => {
  for (const entry of ["src/index.ts", "src/web.ts"]) expect(wayToNode(entry, librarySources()), entry).toBeUndefined();
});

// Catches logic or a whole module that becomes public without its names being chosen.
test("entry files re-export by name and do nothing else", () => {
  const entries = librarySources().filter(({ path }) => layerOf(path) === ENTRY);
  expect(entries.filter((file) => entryRemainder(file) !== "").map(({ path }) => path)).toEqual([]);
  expect(entryRemainder({ path: "src/x.ts", text: 'export { a } from "./a.ts";\nexport * from "./b.ts";' })).toContain(
    "*",
  );
});

// The rest plants one violation each: a rule that lets it pass proves nothing about the tree.
test("an upward import is found", () => {
  expect(planted("src/base/x.ts", 'import { a } from "../tensor/a.ts";')).toEqual([
    "src/base/x.ts is in base and imports src/tensor/a.ts of tensor",
  ]);
  expect(planted("src/io/x.ts", 'import {\n  type A,\n} from "../weights/a.ts";')).toHaveLength(1);
  expect(planted("src/io/x.ts", 'export * from "../chat/a.ts";')).toHaveLength(1);
  expect(planted("src/io/x.ts", 'const a = await import("../chat/a.ts");')).toHaveLength(1);
});

test("an import between sibling backends is found", () => {
  expect(planted("src/backend/wasm/x.ts", 'import { a } from "../webgpu/a.ts";')).toHaveLength(1);
  expect(planted("src/backend/registry.ts", 'import { a } from "./webgpu/a.ts";')).toEqual([]);
});

test("a Node module outside the folders for it is found", () => {
  expect(planted("src/weights/x.ts", 'import { readFileSync } from "node:fs";')).toHaveLength(1);
  expect(planted("src/io/node/x.ts", 'import { readFileSync } from "node:fs";')).toEqual([]);
  expect(planted("src/backend/wasm/node-worker.ts", 'import { Worker } from "node:worker_threads";')).toEqual([]);
  expect(planted("src/io/x.ts", 'const fs = await import("node:fs");')).toEqual([]);
});

test("an unlisted package, an unlisted layer and a way out of src are found", () => {
  expect(planted("src/chat/x.ts", 'import sharp from "sharp";')).toHaveLength(1);
  expect(planted("src/extra/x.ts", 'import { a } from "../base/a.ts";')).toHaveLength(1);
  expect(planted("src/base/x.ts", 'import a from "../../package.json";')).toHaveLength(1);
});

test("an import in a comment is no import", () => {
  expect(planted("src/base/x.ts", '/** import { a } from "../tensor/a.ts"; */\n// import "../io/a.ts"')).toEqual([]);
});

test("a cycle through three files is found", () => {
  const file = (name: string, other: string) => ({ path: `src/base/${name}.ts`, text: `import "./${other}.ts";` });
  const cycle = importCycle([file("a", "b"), file("b", "c"), file("c", "a")]);
  expect(cycle).toEqual(["src/base/a.ts", "src/base/b.ts", "src/base/c.ts", "src/base/a.ts"]);
  const typed = { path: "src/base/c.ts", text: 'import type { A } from "./a.ts";' };
  expect(importCycle([file("a", "b"), file("b", "c"), typed])).toBeUndefined();
});

test("a static way to Node's modules is found through two files, a dynamic one is none", () => {
  const entry = { path: "src/web.ts", text: 'export { a } from "./io/a.ts";' };
  const direct = { path: "src/io/a.ts", text: 'import { b } from "./node/b.ts";' };
  const late = { path: "src/io/a.ts", text: 'const { b } = await import("./node/b.ts");' };
  const node = { path: "src/io/node/b.ts", text: 'import { readFile } from "node:fs/promises";' };
  expect(wayToNode("src/web.ts", [entry, direct, node])).toEqual([
    "src/web.ts",
    "src/io/a.ts",
    "src/io/node/b.ts",
    "node:fs/promises",
  ]);
  expect(wayToNode("src/web.ts", [entry, late, node])).toBeUndefined();
});
