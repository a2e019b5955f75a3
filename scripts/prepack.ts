/**
 * npm runs this before it packs: a whole build, without files whose source is gone, and without white space and comments.
 * Each file stays a module of its own and names at its top level stay, so that imports, error names and stack traces read as written.
 */
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { minifySync } from "vite";

const ROOT = join(import.meta.dirname, "..");
const DIST = join(ROOT, "dist");

/** One module with local names shortened; `path` is for messages. Throws where it does not parse. */
export function smaller(path: string, code: string): string {
  // esbuild renames a module's top level too, which turns the names of errors into single letters
  const result = minifySync(path, code, {
    module: true,
    compress: false,
    mangle: { toplevel: false },
    codegen: { removeWhitespace: true, legalComments: "none" },
  });
  const [error] = result.errors;
  if (error !== undefined) throw new Error(`${path} does not parse: ${error.message}`);
  const [hashbang] = /^#!.*\n/.exec(code) ?? [""];
  return result.code.startsWith("#!") ? result.code : hashbang + result.code;
}

/** Built files of sources that no longer exist: `tsc -b` never removes one. */
export function staleFiles(built: readonly string[], isSource: (path: string) => boolean): readonly string[] {
  return built.filter((path) => /\.(?:js|d\.ts)$/.test(path) && !isSource(path.replace(/(?:\.d)?\.(?:js|ts)$/, ".ts")));
}

function prepack(): number {
  const { status } = spawnSync(process.execPath, [join(ROOT, "node_modules/typescript/bin/tsc"), "-b"], {
    cwd: ROOT,
    stdio: ["ignore", "inherit", "inherit"],
  });
  if (status !== 0) return status ?? 1;
  const built = readdirSync(DIST, { recursive: true, encoding: "utf8" }).map((path) => path.replaceAll("\\", "/"));
  const stale = staleFiles(built, (path) => existsSync(join(ROOT, "src", path)));
  for (const path of stale) rmSync(join(DIST, path));
  for (const path of built.filter((name) => name.endsWith(".js") && !stale.includes(name))) {
    const file = join(DIST, path);
    const code = readFileSync(file, "utf8");
    const packed = smaller(path, code);
    if (packed === code) continue;
    // whole at every moment, for programs that are loading from the folder meanwhile
    writeFileSync(`${file}.pending`, packed);
    renameSync(`${file}.pending`, file);
  }
  return 0;
}

if (process.argv[1] === import.meta.filename) process.exitCode = prepack();
