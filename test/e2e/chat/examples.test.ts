import { execFile } from "node:child_process";
import { mkdtemp, readdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { tinyFolder } from "./tiny-model.ts";

const FOLDER = fileURLToPath(new URL("../../../examples", import.meta.url));
const run = promisify(execFile);

// catches an example that the API has moved away from
test.each((await readdir(FOLDER)).filter((name) => name.endsWith(".ts")))("%s runs", async (name) => {
  const cache = await mkdtemp(join(tmpdir(), "minicpmv-example-"));
  const args = [join(FOLDER, name), tinyFolder("v2.6"), `${tinyFolder("v2.6")}/small.png`];
  const { stdout } = await run(process.execPath, args, { env: { PATH: process.env.PATH, XDG_CACHE_HOME: cache } });
  expect(stdout.length).toBeGreaterThan(0);
});
