/** Holds the package that would be published against its limits and the tools that judge its types. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { consumerProblems } from "./consumer-check.ts";
import { NONE, type Tally } from "./tally.ts";

const ROOT = join(import.meta.dirname, "..");
const PACKED_LIMIT_BYTES = 20_000_000;
const CODE_LIMIT_BYTES = 1_000_000;

interface Manifest {
  readonly exports?: Record<string, unknown>;
  readonly bin?: Record<string, string>;
  readonly version?: string;
}

/** One problem of the package, in words, or undefined where it holds. */
type Problem = string | undefined;

interface Packed {
  readonly filename: string;
  readonly size: number;
  readonly files: readonly { readonly path: string; readonly size: number }[];
}

function codeBytes({ files }: Packed): number {
  return files.filter(({ path }) => /\.m?js$/.test(path)).reduce((bytes, { size }) => bytes + size, 0);
}

/** What is larger than it may be, or does not belong. */
export function sizeProblems(packed: Packed): readonly string[] {
  const code = codeBytes(packed);
  const strays = packed.files
    .filter(({ path }) => /\.test\.|\/testing\/|tsbuildinfo|\.map$/.test(path))
    .map(({ path }) => path);
  return [
    packed.size > PACKED_LIMIT_BYTES
      ? `the packed size is ${packed.size} bytes, limit ${PACKED_LIMIT_BYTES}`
      : undefined,
    code > CODE_LIMIT_BYTES ? `the code is ${code} bytes, limit ${CODE_LIMIT_BYTES}` : undefined,
    strays.length > 0 ? `files that do not belong in the package: ${strays.join(", ")}` : undefined,
  ].filter((problem) => problem !== undefined);
}

/** Names the exported files that the build did not make. */
export function missingExports(exported: unknown, exists: (path: string) => boolean): readonly string[] {
  if (typeof exported === "string") return exists(exported) ? [] : [exported];
  if (typeof exported !== "object" || exported === null) return [];
  return Object.values(exported).flatMap((value) => missingExports(value, exists));
}

/** Builds and packs into a folder; throws where either fails. */
export function pack(folder: string): Packed {
  const { stdout, stderr, status } = spawnSync(
    "npm",
    ["pack", "--json", "--pack-destination", folder, "--loglevel=error"],
    {
      cwd: ROOT,
      encoding: "utf8",
      shell: process.platform === "win32",
    },
  );
  if (status !== 0) throw new Error(`npm pack failed: ${stderr}`);
  const parsed: unknown = JSON.parse(stdout);
  // npm prints a list up to version 11 and an object keyed by name from then on
  const [packed] = Object.values(parsed as Record<string, Packed>);
  if (packed === undefined) throw new Error("npm pack listed no package.");
  return packed;
}

function tool(script: string, ...args: string[]): Problem {
  const { status } = spawnSync(process.execPath, [join(ROOT, "node_modules", script), ...args], {
    cwd: ROOT,
    stdio: "inherit",
  });
  return status === 0 ? undefined : `${script} ${args.join(" ")} found problems`;
}

/** Counts as one check that passes, or as one failure for each problem. */
export function checkPackage(): Tally {
  const manifest: Manifest = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
  const folder = mkdtempSync(join(tmpdir(), "minicpmv-pack-"));
  try {
    const packed = pack(folder);
    const missing = missingExports([manifest.exports, manifest.bin], (path) => existsSync(join(ROOT, path)));
    const tarball = join(folder, packed.filename);
    const use = consumerProblems(tarball, manifest);
    const problems = [
      ...missing.map((path) => `${path} is exported and not built`),
      ...sizeProblems(packed),
      tool("publint/src/cli.js", "run", tarball, "--strict"),
      tool("@arethetypeswrong/cli/dist/index.js", tarball, "--profile", "esm-only"),
      ...use.problems,
    ].filter((problem) => problem !== undefined);
    console.log(
      `The package has ${packed.files.length} files, ${packed.size} bytes packed, ${codeBytes(packed)} bytes of code, ` +
        `${use.installedBytes} bytes installed; it answered on Node ${use.nodes.map(({ version }) => version).join(", ")}.`,
    );
    for (const problem of problems) console.error(`The package does not hold: ${problem}.`);
    return { ...NONE, passed: problems.length === 0 ? 1 : 0, failed: problems.length };
  } catch (error) {
    console.error(`The package could not be made: ${error instanceof Error ? error.message : error}`);
    return { ...NONE, failed: 1 };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
