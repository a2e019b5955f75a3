import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createWasmBackend } from "../../backend/wasm/wasm-backend.ts";
import type { Backend } from "../../tensor/backend.ts";
import { dequantise } from "../../weights/quant/dequantise.ts";
import { listSource } from "../data/stream.ts";
import { CheckpointMismatchError, TrainingRunningError } from "../errors.ts";
import type { RecipeStage } from "../recipe/recipe.ts";
import { TINY, tinySample } from "../testing/tiny-model.ts";
import { TINY_RECIPE, tinyParts } from "../testing/tiny-recipe.ts";
import { type RunTrainingOptions, runTraining } from "./run-training.ts";
import { isTrainingRunning, lockTraining } from "./training-lock.ts";
import { readRows } from "./training-log.ts";

let backend: Backend;
let folder: string;
beforeEach(async () => {
  backend = await createWasmBackend({ decode: dequantise });
  folder = await mkdtemp(join(tmpdir(), "train-run-"));
});
afterEach(async () => {
  backend[Symbol.dispose]();
  await rm(folder, { recursive: true, force: true });
});

function options(name: string, more: Partial<RunTrainingOptions> = {}): RunTrainingOptions {
  const run = join(folder, name);
  return { folder: run, backend, samples: tinyParts, lockPath: join(folder, `${name}.lock`), ...more };
}

describe("a run", () => {
  test("goes through all stages, logs every step, and its loss falls", async () => {
    const lines: string[] = [];
    const outcome = await runTraining(TINY_RECIPE, options("a", { onLine: (line) => lines.push(line) }));
    expect(outcome.isComplete).toBe(true);
    const rows = await readRows(join(folder, "a", "log.jsonl"));
    expect(rows.map(({ step }) => step)).toEqual(rows.map((_, i) => i + 1));
    expect(new Set(rows.map(({ stage }) => stage))).toEqual(
      new Set(["characters", "text", "resampler", "all", "adapters"]),
    );
    for (const name of ["characters", "text", "all"]) {
      const losses = rows.filter(({ stage }) => stage === name).map(({ loss }) => loss);
      expect(losses[losses.length - 1], name).toBeLessThan(losses[0]);
    }
    expect(lines.at(-1)).toMatch(/stage 5\/5 adapters · step \d+ · loss \d/);
    const report = await readFile(join(folder, "a", "report.html"), "utf8");
    expect(report).toContain("<svg");
    expect(report).toContain("tiny.json sample");
  });

  // would catch: a sample trained on twice or never after a stop, moments or averages lost, a schedule that starts anew
  test("that is stopped after every step ends with the bits of one that is not", async () => {
    const whole = await runTraining(TINY_RECIPE, options("whole"));
    for (let isComplete = false, sittings = 0; !isComplete; sittings++) {
      const controller = new AbortController();
      const onStep = (): void => controller.abort();
      const stopped = options("stopped", { signal: controller.signal, onStep });
      const outcome = await runTraining(TINY_RECIPE, stopped);
      isComplete = outcome.isComplete;
      expect(sittings).toBeLessThan(100);
      if (!isComplete) continue;
      expect(sittings).toBeGreaterThan(5);
      for (const [name, values] of Object.entries(whole.weights)) expect(outcome.weights[name], name).toEqual(values);
    }
    const strip = async (name: string): Promise<readonly unknown[]> =>
      (await readRows(join(folder, name, "log.jsonl"))).map(({ tokensPerSecond: _, seconds: __, ...row }) => row);
    expect(await strip("stopped")).toEqual(await strip("whole"));
  }, 60_000);

  test("of another recipe in the same folder is refused", async () => {
    const controller = new AbortController();
    const onStep = (): void => controller.abort();
    await runTraining(TINY_RECIPE, options("a", { signal: controller.signal, onStep }));
    const other = { ...TINY_RECIPE, name: "other" };
    await expect(runTraining(other, options("a"))).rejects.toThrow(/written by the recipe "tiny"/);
    const vision = { ...TINY.vision, feedForward: 64 };
    const wider = { ...TINY_RECIPE, model: { ...TINY, vision } };
    await expect(runTraining(wider, options("a"))).rejects.toThrow(/tensor vpm\.encoder\.layers\.0\.mlp\./);
    await expect(runTraining(wider, options("a"))).rejects.toBeInstanceOf(CheckpointMismatchError);
    expect((await runTraining(TINY_RECIPE, options("a"))).isComplete).toBe(true);
  });

  // would catch: a bad sample in the middle taking the hours before it with it
  test("that meets a bad sample names it and keeps what was saved", async () => {
    const place = { file: "bad.json", index: 2 };
    const long = { ...tinySample(1, { rows: 0, columns: 0, words: 90, answer: 3 }), place };
    const samples = async (stage: RecipeStage) =>
      stage.name === "all" ? [{ source: listSource("bad", [long]), weight: 1 }] : tinyParts(stage);
    const run = runTraining(TINY_RECIPE, options("a", { samples }));
    await expect(run).rejects.toThrow(/bad\.json, sample 2.*94 tokens/);
    const rows = await readRows(join(folder, "a", "log.jsonl"));
    const progress = JSON.parse(await readFile(join(folder, "a", "progress.json"), "utf8"));
    expect(rows.length).toBeGreaterThan(0);
    expect(progress.progress.step).toBe(rows.at(-1)?.step);
    expect((await runTraining(TINY_RECIPE, options("a"))).isComplete).toBe(true);
  });

  test("goes on where a kill cut the log's last line", async () => {
    const controller = new AbortController();
    await runTraining(TINY_RECIPE, options("a", { signal: controller.signal, onStep: () => controller.abort() }));
    const log = join(folder, "a", "log.jsonl");
    await writeFile(log, `${await readFile(log, "utf8")}{"stage":"resampler","step":2,"lo`);
    await runTraining(TINY_RECIPE, options("a"));
    const rows = await readRows(log);
    expect(rows.map(({ step }) => step)).toEqual(rows.map((_, i) => i + 1));
  });
});

// would catch: a benchmark measured beside a training, or two trainings sharing the cores unnoticed
test("a training holds the lock while it runs and gives it back", async () => {
  const lockPath = join(folder, "lock");
  const lock = await lockTraining(lockPath);
  expect(await isTrainingRunning(lockPath)).toBe(true);
  await expect(runTraining(TINY_RECIPE, options("a", { lockPath }))).rejects.toBeInstanceOf(TrainingRunningError);
  await lock.release();
  expect(await isTrainingRunning(lockPath)).toBe(false);
});
