/** `npm run bench -- <name> [arguments]`: runs bench/<name>/run.ts. */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { runAlone } from "./run-alone.ts";

const ROOT = join(import.meta.dirname, "..");
const FOLDER = join(ROOT, "bench");

const [name = "", ...rest] = process.argv.slice(2);
const script = join(FOLDER, name, "run.ts");
if (/^[a-z][a-z-]*$/.test(name) && existsSync(script)) {
  process.exitCode = await runAlone(script, rest, { folder: ROOT });
} else {
  const names = existsSync(FOLDER)
    ? readdirSync(FOLDER).filter((entry) => existsSync(join(FOLDER, entry, "run.ts")))
    : [];
  console.error(
    `There is no benchmark "${name}". Call npm run bench -- NAME with one of: ${names.join(", ") || "none yet"}.`,
  );
  process.exitCode = 1;
}
