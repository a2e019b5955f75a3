import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ENTRY, type LayerTable } from "./layer-rules.ts";
import { ROOT } from "./source-tree.ts";

const layers: LayerTable = JSON.parse(readFileSync(join(import.meta.dirname, "layers.json"), "utf8"));

interface Project {
  readonly references?: readonly { readonly path: string }[];
}

const readProject = (path: string): Project => JSON.parse(readFileSync(join(ROOT, path), "utf8"));
const projectOf = (layer: string): string => (layer === ENTRY ? "src/tsconfig.json" : `src/${layer}/tsconfig.json`);
const referenced = (project: Project): readonly string[] =>
  (project.references ?? []).map(({ path }) => path.split("/").at(-1) ?? "");

// Catches a reference added to please the compiler: the table would say one thing and the build allow another.
test("each layer's project references equal its row in the table", () => {
  for (const [layer, lower] of Object.entries(layers)) {
    expect(referenced(readProject(projectOf(layer))), layer).toEqual(lower);
  }
});

// Catches a layer that the build leaves out, and so never checks.
test("the root project builds every layer", () => {
  const expected = Object.keys(layers).map((layer) => (layer === ENTRY ? "src" : layer));
  expect(referenced(readProject("tsconfig.json"))).toEqual(expected);
});

/** Two layers in a folder of their own, with the repository's compiler settings; `upper` may see `lower`, not the reverse. */
function plantedBuild(lowerText: string): string {
  const folder = mkdtempSync(join(tmpdir(), "minicpmv-layers-"));
  const write = (path: string, value: string | object): void => {
    mkdirSync(join(folder, path, ".."), { recursive: true });
    writeFileSync(join(folder, path), typeof value === "string" ? value : JSON.stringify(value));
  };
  for (const layer of ["base", "io"]) {
    const settings = readFileSync(join(ROOT, `src/${layer}/tsconfig.json`), "utf8").replace(
      '"types": ["node"]',
      '"types": []',
    );
    write(`src/${layer}/tsconfig.json`, settings);
  }
  write("tsconfig.base.json", readFileSync(join(ROOT, "tsconfig.base.json"), "utf8"));
  write("package.json", { type: "module" });
  write("src/io/upper.ts", 'import { low } from "../base/lower.ts";\nexport const high: number = low;\n');
  write("src/base/lower.ts", lowerText);
  const tsc = join(ROOT, "node_modules/typescript/bin/tsc");
  const { stdout } = spawnSync(process.execPath, [tsc, "-b", "src/io"], { cwd: folder, encoding: "utf8" });
  const built = existsSync(join(folder, "dist/io/upper.js"));
  rmSync(folder, { recursive: true });
  return stdout === "" && built ? "built" : stdout;
}

// Catches settings under which the compiler lets a layer reach upwards.
test("the build refuses an upward import and takes a downward one", () => {
  expect(plantedBuild("export const low = 1;\n")).toBe("built");
  expect(plantedBuild('import { high } from "../io/upper.ts";\nexport const low: number = high;\n')).toMatch(
    /error TS\d+/,
  );
});
