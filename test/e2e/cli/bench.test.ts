import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { tinyFolder } from "../chat/tiny-model.ts";
import { cli } from "./run-cli.ts";

const FOLDER = `${tinyFolder("v2.6")}/gguf`;
const MODEL = `${FOLDER}/model-f16.gguf`;
const PAIR = ["--mmproj", `${FOLDER}/mmproj-model-f16.gguf`];
const PICTURE = ["--image", `${tinyFolder("v2.6")}/small.png`];
const SHORT = ["-r", "2", "-n", "5", "-t", "1", "--json"];

interface Row {
  readonly name: string;
  readonly median: number;
  readonly spread: number;
  readonly path: string;
  readonly error: { readonly metric: string; readonly value: number };
}

// the lock that keeps benchmarks and trainings apart lies there, and so would what a doctor of another test found out
const folder = await mkdtemp(join(tmpdir(), "minicpmv-bench-"));
const env = { TMPDIR: folder, XDG_CACHE_HOME: folder };

async function rows(...flags: readonly string[]): Promise<ReadonlyMap<string, Row>> {
  const { code, out, notes } = await cli(["bench", MODEL, ...PAIR, ...PICTURE, ...SHORT, ...flags], { env });
  expect(code, notes).toBe(0);
  const report: { readonly rows: readonly Row[] } = JSON.parse(out);
  return new Map(report.rows.map((row) => [row.name, row]));
}

// catches a speed without its price, an error that is not that of the measured path, and a reference on the fast path
test("every row of bench has its path and the error of that path", async () => {
  const fast = await rows("--tower", "int8");
  const exact = await rows("--tower", "float", "--kernels", "generic");
  expect([...fast.keys()]).toEqual([
    "preprocess",
    "encode",
    "prefill",
    "decode",
    "first token",
    "peak memory",
    "peak of the process",
  ]);
  for (const row of [...fast.values(), ...exact.values()]) {
    expect(row.path).not.toBe("");
    expect(row.error.metric).toMatch(/^NMSE of /);
    expect(row.error.value).toBeGreaterThanOrEqual(0);
    expect(row.median).toBeGreaterThan(0);
    expect(row.spread).toBeGreaterThanOrEqual(0);
  }
  expect(fast.get("preprocess")?.error.value).toBe(0);
  expect(exact.get("encode")?.error.value).toBe(0);
  // the cache of an answer is float16, that of the reference float32
  for (const name of ["prefill", "decode", "first token"]) expect(exact.get(name)?.error.value).toBeLessThan(1e-6);
  for (const name of ["encode", "prefill", "decode", "first token"]) {
    expect(fast.get(name)?.error.value, name).toBeGreaterThan(1e-6);
    expect(fast.get(name)?.error.value, name).toBeLessThan(0.05);
  }
});

// catches a switch that is read and goes nowhere
test("the switches of loading do what they say, and --stats shows it", async () => {
  const stats = async (...flags: readonly string[]) => {
    const ask = [
      "run",
      `${tinyFolder("v2.6")}/small.png`,
      "Read this.",
      "-m",
      MODEL,
      ...PAIR,
      "-n",
      "3",
      "--temp",
      "0",
    ];
    return cli([...ask, "--stats", ...flags], { env });
  };
  const sequential = await stats("--load", "sequential", "--threads", "1");
  expect(sequential.notes).toMatch(/1 thread; tower on the float path/);
  expect(sequential.notes).toMatch(/loaded +tower .*; language model/);
  expect(sequential.notes).toMatch(/memory .* at most: weights .*, cache .*, workspaces .* planned; the process/);
  const together = await stats("--load", "together", "--threads", "2");
  expect(together.notes).toMatch(/2 threads/);
  expect(together.out).toBe(sequential.out);
  const int8 = await stats("--tower", "int8", "--threads", "1");
  expect(int8.notes).toMatch(/tower on the int8 path/);
  const generic = await stats("--tower", "int8", "--kernels", "generic", "--threads", "1");
  expect(generic.notes).toMatch(/tower on the float path/);
  const auto = await stats("--threads", "auto");
  expect(auto.notes).toMatch(/\d threads?;/);
  const small = await stats("--memory", "1MiB", "--threads", "1");
  expect(small.code).not.toBe(0);
  expect(small.notes).toMatch(/needs? .*1(\.0)? MiB/);
});
