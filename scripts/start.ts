/** `npm start -- [arguments]`: builds, then runs the command line's demonstration, or the bare one while there is none. */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";

const ROOT = join(import.meta.dirname, "..");

function run(script: string, args: readonly string[]): number {
  return spawnSync(process.execPath, [join(ROOT, script), ...args], { cwd: ROOT, stdio: "inherit" }).status ?? 1;
}

function start(args: readonly string[]): number {
  const built = run("node_modules/typescript/bin/tsc", ["-b"]);
  if (built !== 0) {
    console.error("The build failed; the messages above say where.");
    return built;
  }
  const hasDemo = existsSync(join(ROOT, "dist/cli/commands/demo.js"));
  return hasDemo ? run("dist/cli/main.js", ["demo", ...args]) : run("scripts/demo.ts", args);
}

process.exitCode = start(process.argv.slice(2));
