import { mkdtemp, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { COMMANDS } from "../../../src/cli/commands.ts";
import { recordedCase, tinyFolder } from "../chat/tiny-model.ts";
import { cli } from "./run-cli.ts";

const MODEL = tinyFolder("v2.6");
const PICTURE = `${MODEL}/small.png`;
const ASK = ["-m", MODEL, "--temp", "0", "--repeat-penalty", "1", "-t", "1", "--kernels", "generic"];

// catches a command line that asks otherwise than the API: another template, other pictures, other settings
test("run gives the recorded greedy tokens", async () => {
  const { question, greedyTokens } = await recordedCase("v2.6", "small");
  const { code, out } = await cli(["run", PICTURE, question, ...ASK, "-n", "12", "--json"]);
  expect(code).toBe(0);
  const report: { tokens: { id: number }[]; finishReason: string } = JSON.parse(out);
  expect(report.tokens.map(({ id }) => id)).toEqual(greedyTokens.slice(0, 12));
});

// catches pictures of a pipe being lost, and notes on stdout that would spoil a pipe
test("a picture from stdin gives the same text as from its file, and stdout holds the answer alone", async () => {
  const fromFile = await cli(["run", "-i", PICTURE, "-p", "Read this.", ...ASK, "-n", "8", "--stats"]);
  const fromPipe = await cli(["run", "-", "Read this.", ...ASK, "-n", "8"], { input: await readFile(PICTURE) });
  expect(fromPipe.out).toBe(fromFile.out);
  expect(fromFile.out).not.toMatch(/tokens|memory/);
  expect(fromFile.out).not.toContain("\u001b");
  expect(fromFile.notes).toMatch(/memory .* planned/);
});

// catches a GGUF pair that needs its tower named although it lies beside it
test("a GGUF file finds its tower beside it", async () => {
  const { code, out } = await cli([
    "run",
    PICTURE,
    "Read this.",
    "-m",
    `${MODEL}/gguf/model-f16.gguf`,
    "--temp",
    "0",
    "-n",
    "6",
    "-t",
    "1",
  ]);
  expect([code, out.length > 1]).toEqual([0, true]);
});

// catches every mistake ending in a stack trace or in exit code 0
test.each([
  [["frobnicate"], 2, /no command "frobnicate"/],
  [["run", "--frob"], 2, /--frob/],
  [["run", "-m", MODEL], 2, /no question/],
  [["run", "Who?", "-m", MODEL, "--temp", "warm"], 2, /not a number/],
  [["run", "Who?", "-m", MODEL, "--memory", "lots"], 2, /not a size/],
  [["run", "Who?", "-m", MODEL, "--memory", "1MiB", "-t", "1"], 1, /MiB are allowed/],
  [["run", "nowhere.png", "Who?", "-m", MODEL, "-t", "1"], 1, /nowhere\.png/],
  [["run", "Who?", "-m", "no-such-model", "-t", "1"], 1, /no such file, folder or ollama model/],
  [["run", "Who?", "-m", "nobody/nothing", "-t", "1"], 1, /not on this machine/],
  [["rm", "nobody/nothing"], 1, /not in/],
  [["run", "Who?", "-m", MODEL, "-t", "900"], 1, /threads is 900/],
  [["run", PICTURE, "Who?", "-m", MODEL, "--json-schema", "nowhere.json"], 1, /no such file.*nowhere\.json/],
  [["slice", PICTURE, "--out", `${PICTURE}/grid.png`], 1, /ENOTDIR/],
  [["slice", PICTURE, "--version", "2.6", "--downsample", "4x"], 2, /has no --downsample/],
  [["slice", `${MODEL}/config.json`], 1, /no picture/],
  [["tokenize", "Who?", "-m", `${MODEL}/gguf/mmproj-model-f16.gguf`], 1, /is an mmproj file, not a language model/],
  [["show", "test/golden/image"], 1, /The folder test\/golden\/image has neither GGUF nor safetensors/],
] as const)("%j ends with %i and says why", async (args, code, message) => {
  const finished = await cli(args);
  expect(finished.code).toBe(code);
  expect(finished.notes).toMatch(message);
  expect(finished.notes).not.toMatch(/\n\s+at /);
});

// catches a command without help, and help that shows no example
test("every command has a help page with examples", async () => {
  for (const [name, load] of Object.entries(COMMANDS)) {
    const command = await load();
    expect(command.name).toBe(name);
    expect(command.examples.length, name).toBeGreaterThan(0);
  }
  const { out, code } = await cli(["run", "--help"]);
  expect([code, /Usage: minicpmv run/.test(out)]).toEqual([0, true]);
});

// catches Ctrl-C that is not heard while an answer is under way
test("an interrupt ends an answer with code 130", async () => {
  const args = [
    "run",
    PICTURE,
    "Read this.",
    "-m",
    MODEL,
    "-t",
    "1",
    "--temp",
    "1.5",
    "-n",
    "3000",
    "--min-tokens",
    "3000",
  ];
  const { code, notes } = await cli(args, { interruptAt: "<" });
  expect([code, notes.includes("Cancelled.")]).toEqual([130, true]);
});

// catches a plan that differs from what the picture rule of the version gives (spec of the partition, 640×480)
test("slice tells views and tokens of a picture, and draws them", async () => {
  const folder = await mkdtemp(join(tmpdir(), "minicpmv-slice-"));
  const out = join(folder, "grid.png");
  const { out: text, code } = await cli(["slice", `${MODEL}/landscape.png`, "--json", "--out", out]);
  expect(code).toBe(0);
  const plan: { tokens: number; views: unknown[]; llavaNext: { tokens: number } } = JSON.parse(text);
  expect([plan.tokens, plan.views.length, plan.llavaNext.tokens]).toEqual([203, 3, 2880]);
  expect((await readFile(out)).subarray(1, 4).toString()).toBe("PNG");
});

// catches a doctor whose verdict does not depend on the paths, or that forgets its report
test("doctor compares the paths and keeps its report", async () => {
  const args = ["doctor", "-m", `${MODEL}/gguf/model-f16.gguf`, "--json", "-t", "1"];
  const first = await cli(args);
  expect(first.code).toBe(0);
  const report: Record<"comparisons" | "towerComparisons", { nmse: number }[]> & {
    towerMatrices: { name: string; nmse: number }[];
    isSound: boolean;
  } = JSON.parse(first.out);
  // an F16 file has nothing to compute in integers but its tower
  expect(report.comparisons.map(({ nmse }) => nmse)).toEqual([0, 0, 0]);
  for (const { nmse } of report.towerComparisons) expect(nmse > 0 && nmse < 0.05).toBe(true);
  expect(report.isSound).toBe(true);
  // an error of the whole tower alone tells nobody which matrix to keep in floats
  const names = report.towerMatrices.map(({ name }) => name);
  for (const map of ["self_attn.q_proj", "self_attn.out_proj", "mlp.fc1", "mlp.fc2"]) {
    expect(
      names.filter((name) => name.includes(map)),
      map,
    ).toHaveLength(3);
  }
  expect(names.filter((name) => name.startsWith("resampler."))).toHaveLength(6);
  for (const { name, nmse } of report.towerMatrices) expect(nmse > 1e-6 && nmse < 1e-3, name).toBe(true);
  expect((await cli(args)).out).toBe(first.out);
});

// catches a model that answers nonsense being called sound because both of its paths give the same nonsense
test("doctor says where the known answer did not come", async () => {
  const args = ["doctor", "-m", `${tinyFolder("v4.6")}/gguf/model-f16.gguf`, "-t", "1", "--json"];
  const { code, out } = await cli(args);
  const report: { isSound: boolean; isFastPathSound: boolean; knownAnswer: { expected: string; isRight: boolean } } =
    JSON.parse(out);
  expect([code, report.isSound, report.isFastPathSound, report.knownAnswer.isRight]).toEqual([1, false, true, false]);
  expect(report.knownAnswer.expected).toMatch(/^I'm a model from the MiniCPM series/);
});

// catches tokens that are not the tokenizer's own
test("tokenize gives ids that decode to the text", async () => {
  const { out } = await cli(["tokenize", "Read this.", "-m", MODEL, "--json"]);
  const pieces: { id: number; piece: string }[] = JSON.parse(out);
  expect(pieces.map(({ piece }) => piece).join("")).toBe("Read this.");
});

// catches a stack trace where `| head` has read enough
test("a reader that leaves early ends the command in silence", async () => {
  const endless = ["-n", "3000", "--min-tokens", "3000", "--temp", "1.5", "-t", "1"];
  const left = await cli(["run", PICTURE, "Read this.", "-m", MODEL, ...endless], { leaveAt: "" });
  expect([left.code, left.notes]).toEqual([0, ""]);
});

// catches colours in a log file and where the user said no
test("colours appear when forced and never without a terminal", async () => {
  const [forced, plain] = [await cli(["frob"], { env: { FORCE_COLOR: "1" } }), await cli(["rm"])];
  expect(plain.notes).not.toContain("\u001b[");
  expect((await cli(["rm"], { env: { FORCE_COLOR: "1" } })).notes).toContain("\u001b[31m");
  expect(forced.code).toBe(2);
});
