import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const CHILD = fileURLToPath(new URL("./wide-vectors-child.ts", import.meta.url));

interface Seen {
  readonly name: string;
  readonly error: number;
  readonly limit: number;
}

// bug: an experimental pass of the compiler that joins the wrong halves; the self-test passes and real shapes are garbage
test("with 256-bit vectors switched on every integer map stays within its bound", { timeout: 120_000 }, async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [
    "--no-warnings",
    "--experimental-strip-types",
    "--experimental-wasm-revectorize",
    CHILD,
  ]);
  const seen = JSON.parse(stdout) as Seen[];
  expect(seen.length).toBeGreaterThan(60);
  expect(seen.filter(({ error, limit }) => !(error <= limit))).toEqual([]);
});
