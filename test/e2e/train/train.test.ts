import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { lockTraining } from "../../../src/train/run/training-lock.ts";
import { tinyFolder } from "../chat/tiny-model.ts";
import { type CliOptions, cli } from "../cli/run-cli.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "minicpmv-train-"));
  await mkdir(join(folder, "tmp"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const MODEL = tinyFolder("v2.6");
const STAGE = {
  resolution: { kind: "adaptive", side: 56, maxSlices: 1 },
  data: [{ name: "mine", file: "mine.jsonl" }],
  samples: 24,
  pack: { views: 2, patches: 64, tokens: 320 },
  typical: { tokens: 100, views: 1 },
  packsPerStep: 1,
  optimiser: { rate: 0.005 },
  schedule: { kind: "cosine", warmupShare: 0.05 },
};
const LORA = { ...STAGE, name: "adapters", trainable: [], lora: { rank: 2, alpha: 4, modulesToSave: [] } };
const FULL = { ...STAGE, name: "everything", trainable: ["vision", "resampler", "language"] };

async function writeRecipe(name: string, stages: readonly object[]): Promise<string> {
  const lines = ["12.50", "3 May", "Not shown"].map((answer, i) => {
    const messages = [
      { role: "user", content: `<image>Question ${i}?` },
      { role: "assistant", content: answer },
    ];
    return JSON.stringify({ messages, images: [join(MODEL, i === 1 ? "ties.png" : "small.png")] });
  });
  await writeFile(join(folder, "mine.jsonl"), lines.join("\n"));
  const path = join(folder, `${name}.json`);
  await writeFile(path, JSON.stringify({ name, init: MODEL, stages }));
  return path;
}

// the lock lies in the folder for temporary files: a training of the machine's user must not disturb the tests
function train(args: readonly string[], options: CliOptions = {}) {
  return cli(["train", ...args, "--threads", "1"], { ...options, env: { TMPDIR: join(folder, "tmp") } });
}

// catches a command that plans and does not train, escapes in a log file, a report or model that is left out
test("a recipe trains adapters and then everything, and leaves what other commands open", async () => {
  const recipe = await writeRecipe("both", [FULL, LORA]);
  const run = join(folder, "run");
  const { code, out, notes } = await train([recipe, "--run", run]);
  expect(code, notes).toBe(0);
  expect(out).toMatch(/stage 1\/2 everything · step 1 · loss [\d.]+ · gradient [\d.]+ · [\d,]+ tokens\/s/);
  expect(out).toMatch(/stage 2\/2 adapters · step \d+ .* 100\.0 %/);
  expect(out).not.toContain("\u001b");
  expect(notes).toMatch(/Complete: \d+ steps/);
  expect((await readdir(run)).sort()).toEqual(
    expect.arrayContaining(["adapter", "log.jsonl", "model", "progress.json", "report.html"]),
  );
  expect(await readFile(join(run, "report.html"), "utf8")).toMatch(/<svg[\s\S]*mine\.jsonl line/);
  const answer = ["run", join(MODEL, "small.png"), "Question 0?", "-m", join(run, "model"), "-t", "1", "-n", "4"];
  expect((await cli(answer)).code).toBe(0);
}, 120_000);

// catches Ctrl-C that loses steps, and a resumed run that trains on otherwise than one that was left alone
test("Ctrl-C saves, and the same command ends with the bits of a run that was not stopped", async () => {
  const recipe = await writeRecipe("stopped", [LORA]);
  const [whole, stopped] = [join(folder, "whole"), join(folder, "stopped")];
  expect((await train([recipe, "--run", whole])).code).toBe(0);
  const first = await train([recipe, "--run", stopped, "--json"], { interruptAt: '"step":3' });
  expect(first.code, first.notes).toBe(130);
  expect(first.notes).toMatch(/Saved after step \d+.*minicpmv train .*stopped\.json/);
  const second = await train([recipe, "--run", stopped]);
  expect(second.code, second.notes).toBe(0);
  expect(second.notes).toMatch(/Going on after step \d+/);
  const weights = (run: string) => readFile(join(run, "model/model.safetensors"));
  expect((await weights(stopped)).equals(await weights(whole))).toBe(true);
  const again = await train([recipe, "--run", stopped]);
  expect([again.code, /Complete since step/.test(again.notes)]).toEqual([0, true]);
}, 120_000);

// catches a plan that needs the model written down, and one that differs by the name of its flag
test("--dry-run plans from the model that the recipe starts from, and writes nothing", async () => {
  const recipe = await writeRecipe("planned", [LORA]);
  const { code, out } = await train([recipe, "--dry-run", "--run", join(folder, "run")]);
  expect([code, /planned: [\d.e+]+ FLOPs in 1 stages/.test(out)]).toEqual([0, true]);
  expect((await train([recipe, "--plan"])).out).toBe(out);
  expect((await readdir(folder)).sort()).toEqual(["mine.jsonl", "planned.json", "tmp"]);
});

// catches a limit that the command does not pass on, and a refusal that cannot be overruled
test("a stage beyond the memory is refused with a hint, and trained all the same where that is asked for", async () => {
  const recipe = await writeRecipe("large", [{ ...LORA, samples: 2 }]);
  const limited = [recipe, "--run", join(folder, "run"), "--memory", "1MiB"];
  const refused = await train(limited);
  expect([refused.code, refused.notes]).toEqual([1, expect.stringMatching(/"adapters" is planned .*--ignore-memory/s)]);
  const tokens = 100_000_000;
  const huge = await writeRecipe("huge", [{ ...LORA, pack: { views: 2, patches: 64, tokens } }]);
  const beyond = await train([huge, "--run", join(folder, "run")]);
  expect([beyond.code, beyond.notes]).toEqual([1, expect.stringMatching(/lower pack\.tokens/)]);
  expect((await train([...limited, "--ignore-memory"])).code).toBe(0);
}, 120_000);

// catches two trainings on one machine, and mistakes that end in a stack trace
test("mistakes and a lock that is held are told in words", async () => {
  const recipe = await writeRecipe("locked", [LORA]);
  const lock = await lockTraining(join(folder, "tmp", "minicpmv-training.lock"));
  const refused = await train([recipe, "--run", join(folder, "run")]);
  await lock.release();
  expect([refused.code, /Another training or a benchmark holds/.test(refused.notes)]).toEqual([1, true]);
  await writeFile(join(folder, "mine.jsonl"), '{"messages": [\n');
  const cases = [
    [[recipe, "--run", join(folder, "run")], 1, /mine\.jsonl, line 1/],
    [["nowhere.json"], 1, /cannot be read from nowhere\.json/],
    [[], 2, /No recipe is named/],
    [[recipe, "--backend", "cuda"], 2, /Choose auto or onnx or wasm/],
  ] as const;
  for (const [args, code, message] of cases) {
    const { notes, ...finished } = await train(args);
    expect([finished.code, notes]).toEqual([code, expect.stringMatching(message)]);
    expect(notes).not.toMatch(/\n\s+at /);
  }
});
