/** Uses the packed package as a user would: unpacked beside its dependencies alone, on every Node at hand. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";

const ROOT = join(import.meta.dirname, "..");
const MODULES = join(ROOT, "node_modules");

/** The running Node, and the machine's own where it is another: the oldest one supported, on a machine that has it. */
export function nodesAtHand(path: string = process.env.PATH ?? ""): readonly string[] {
  const name = process.platform === "win32" ? "node.exe" : "node";
  const others = path
    .split(delimiter)
    .filter((folder) => folder !== "" && !folder.includes("node_modules"))
    .map((folder) => join(folder, name))
    .filter((binary) => existsSync(binary));
  return [...new Set([process.execPath, ...others.slice(0, 1)])];
}

function unpack(tarball: string, dependencies: readonly string[]): string {
  const folder = mkdtempSync(join(tmpdir(), "minicpmv-consumer-"));
  const home = join(folder, "node_modules", "minicpmv");
  mkdirSync(home, { recursive: true });
  spawnSync("tar", ["-xzf", tarball, "-C", home, "--strip-components=1"]);
  for (const name of dependencies) {
    mkdirSync(dirname(join(folder, "node_modules", name)), { recursive: true });
    symlinkSync(join(MODULES, name), join(folder, "node_modules", name), "junction");
  }
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
  return folder;
}

/** Imports every entry and starts the command line on each Node; returns what went wrong, in words. */
export function consumerProblems(
  tarball: string,
  manifest: { readonly exports?: Record<string, unknown>; readonly dependencies?: Record<string, string> },
  nodes: readonly string[] = nodesAtHand(),
): readonly string[] {
  const folder = unpack(tarball, Object.keys(manifest.dependencies ?? {}));
  const entries = Object.keys(manifest.exports ?? {}).filter((name) => !name.endsWith(".json"));
  const names = entries.map((entry) => JSON.stringify(`minicpmv${entry.slice(1)}`));
  const script = `for (const name of [${names}]) await import(name);`;
  const commandLine = join(folder, "node_modules", "minicpmv", "dist", "cli", "main.js");
  const problems = nodes.flatMap((node) =>
    [
      ["--input-type=module", "-e", script],
      [commandLine, "--help"],
    ].flatMap((args) => {
      const { status, stdout, stderr } = spawnSync(node, args, { cwd: folder, encoding: "utf8", timeout: 60_000 });
      const output = `${stdout}${stderr}`.trim().split("\n").slice(-4).join(" | ");
      return status === 0 ? [] : [`${node} ${args.at(-1)} ended with ${status}: ${output}`];
    }),
  );
  rmSync(folder, { recursive: true });
  return problems;
}
