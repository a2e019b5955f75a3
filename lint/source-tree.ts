import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

export const ROOT = join(import.meta.dirname, "..");

/** One text file of the repository; `path` is relative to the root, with forward slashes. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
}

/** Every tracked or not yet ignored path; what git ignores is no part of the project. */
export function projectPaths(): readonly string[] {
  const listed = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard", "-z"], {
    cwd: ROOT,
    encoding: "utf8",
    maxBuffer: 1 << 26,
  });
  return [...new Set(listed.split("\0"))].filter((path) => path !== "" && existsSync(join(ROOT, path)));
}

export function readSource(path: string): SourceFile {
  return { path, text: readFileSync(join(ROOT, path), "utf8") };
}

/** The TypeScript of the library, without its tests. */
export function librarySources(): readonly SourceFile[] {
  return projectPaths()
    .filter((path) => path.startsWith("src/") && path.endsWith(".ts") && !path.endsWith(".test.ts"))
    .map(readSource);
}

/** Code without its comments, so that an example in a doc comment is not taken for code. */
export function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/(^|[^:"'`\\])\/\/[^\n]*/g, "$1");
}

/** Module names that a file imports or re-exports, types and dynamic imports too. */
export function importsOf(file: SourceFile): readonly string[] {
  const pattern =
    /(?:^|[\s;}])(?:import|export)\s[^"'`;]*?\sfrom\s*"([^"]+)"|(?:^|[\s;}])import\s*"([^"]+)"|\bimport\s*\(\s*"([^"]+)"/g;
  return [...withoutComments(file.text).matchAll(pattern)].map(
    ([, from, bare, dynamic]) => from ?? bare ?? dynamic ?? "",
  );
}

/** The same without `import type` and `export type`, which leave no trace in the JavaScript. */
export function valueImportsOf(file: SourceFile): readonly string[] {
  const text = withoutComments(file.text).replace(/\b(?:import|export)\s+type\s[^"'`;]*?\sfrom\s*"[^"]+"/g, "");
  return importsOf({ ...file, text });
}

/** Modules reached only when the call runs: optional packages and platform code may be named there. */
export function dynamicImportsOf(file: SourceFile): readonly string[] {
  return [...withoutComments(file.text).matchAll(/\bimport\s*\(\s*"([^"]+)"/g)].map(([, name]) => name);
}
