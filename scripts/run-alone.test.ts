import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { isTrainingRunning, lockTraining } from "../src/train/run/training-lock.ts";
import { runAlone } from "./run-alone.ts";

let folder: string;
let lockPath: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "run-alone-"));
  lockPath = join(folder, "lock");
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** A benchmark that writes down whether a training could start beside it. */
async function script(): Promise<string> {
  const lockModule = join(import.meta.dirname, "../src/train/run/training-lock.ts");
  const path = join(folder, "bench.mjs");
  await writeFile(
    path,
    `import { writeFileSync } from "node:fs";
import { isTrainingRunning } from ${JSON.stringify(lockModule)};
writeFileSync("ran", String(await isTrainingRunning(${JSON.stringify(lockPath)})));
process.exit(7);`,
  );
  return path;
}

const ran = (): Promise<string> => readFile(join(folder, "ran"), "utf8").catch(() => "no");

// catches a training that starts while a benchmark measures, and a lock that outlives the benchmark
test("a benchmark holds the trainings' lock while it runs", async () => {
  expect(await runAlone(await script(), [], { folder, lockPath })).toBe(7);
  expect(await ran()).toBe("true");
  expect(await isTrainingRunning(lockPath)).toBe(false);
});

// catches rows measured beside a training
test("a benchmark is refused while a training runs, a trial is not", async () => {
  const said = vi.spyOn(console, "error").mockReturnValue();
  const training = await lockTraining(lockPath);
  expect(await runAlone(await script(), [], { folder, lockPath })).toBe(2);
  expect(await ran()).toBe("no");
  expect(said.mock.calls.join()).toMatch(/--trial/);
  expect(await runAlone(await script(), ["--trial"], { folder, lockPath })).toBe(7);
  await training.release();
  said.mockRestore();
});
