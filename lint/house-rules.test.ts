import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { houseViolations, MEDIAN_LINES_LIMIT, medianLines, RENAME_AXIS_LIMIT, renameAxisUses } from "./house-rules.ts";
import { librarySources, projectPaths, ROOT, readSource } from "./source-tree.ts";

const TEXT = /\.(?:ts|tsx|mjs|js|json|md|py|yml|yaml|html|css|sh)$|^\.(?:npmrc|gitignore)$|^\.ci\/run$/;
// this folder spells out what it forbids
const own = (path: string): boolean => path.startsWith("lint/house-rules");

// Catches text that is true on one machine only, checks that were switched off, and randomness no seed repeats.
test("every text file keeps the house rules", () => {
  const files = projectPaths()
    .filter((path) => TEXT.test(path) && !own(path))
    .map(readSource);
  expect(files.flatMap(houseViolations)).toEqual([]);
});

// Catches model text that gives up the axis types by habit.
test("the axis escape hatch is used rarely", () => {
  expect(renameAxisUses(librarySources())).toBeLessThanOrEqual(RENAME_AXIS_LIMIT);
});

// Catches a library that grows into files nobody reads to the end.
test("half of the library's files are short", () => {
  expect(medianLines(librarySources())).toBeLessThanOrEqual(MEDIAN_LINES_LIMIT);
});

const planted = (text: string): readonly string[] => houseViolations({ path: "x.ts", text });

test("each house rule finds its planted violation", () => {
  expect(planted('const path = "/home/someone/x";')).toHaveLength(1);
  expect(planted('const path = "/root/.cache";')).toHaveLength(1);
  expect(planted("// @ts-ignore\nfoo();")).toHaveLength(1);
  expect(planted("// biome-ignore lint/style/x: because\nfoo();")).toHaveLength(1);
  expect(planted("// TODO later")).toHaveLength(1);
  expect(planted('new Function("return 1")')).toHaveLength(1);
  expect(planted("const x = Math.random();")).toHaveLength(1);
});

test("what only resembles a violation passes", () => {
  expect(planted("// never Math.random()\n// TODO(#12) faster")).toEqual([]);
  expect(planted('const url = "https://example.org/home/user/";')).toEqual([]);
});

/** Names of the biome rules that one file breaks under the repository's settings. */
function biomeRulesBroken(path: string, text: string): readonly string[] {
  const folder = mkdtempSync(join(tmpdir(), "minicpmv-biome-"));
  cpSync(join(ROOT, "biome.json"), join(folder, "biome.json"));
  symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
  writeFileSync(join(folder, path), text);
  const biome = join(ROOT, "node_modules/@biomejs/biome/bin/biome");
  const { stdout } = spawnSync(process.execPath, [biome, "lint", "--reporter=json", "--vcs-enabled=false", path], {
    cwd: folder,
    encoding: "utf8",
  });
  rmSync(folder, { recursive: true });
  const report: { diagnostics: readonly { category?: string }[] } = JSON.parse(stdout);
  return report.diagnostics.map(({ category }) => category?.split("/").at(-1) ?? "");
}

// Catches settings under which the linter lets the types be bypassed or functions grow without end.
test("the linter's settings find each planted violation", () => {
  const long = `export function long(x: number): number {\n${"  x += 1;\n".repeat(61)}  return x;\n}\n`;
  expect(biomeRulesBroken("long.ts", long)).toContain("noExcessiveLinesPerFunction");
  expect(biomeRulesBroken("large.ts", "export const a = 1;\n".replaceAll("a", "b").repeat(401))).toContain(
    "noExcessiveLinesPerFile",
  );
  expect(biomeRulesBroken("any.ts", "export const a: any = 1;\n")).toContain("noExplicitAny");
  expect(biomeRulesBroken("bang.ts", "export const f = (a?: string) => a!.length;\n")).toContain("noNonNullAssertion");
  expect(biomeRulesBroken("kinds.ts", "export enum Kind { A }\n")).toContain("noEnum");
  expect(biomeRulesBroken("default.ts", "export default 1;\n")).toContain("noDefaultExport");
  const floating = "export async function f(): Promise<void> {}\nexport function g(): void {\n  f();\n}\n";
  expect(biomeRulesBroken("floating.ts", floating)).toContain("noFloatingPromises");
  expect(biomeRulesBroken("camelCase.ts", "export const a = 1;\n")).toContain("useFilenamingConvention");
});
