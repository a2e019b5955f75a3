/** Measuring for `bench/<name>/run.ts`: quiet machine or nothing, cases in turn, medians with spread, one row a case. */
import { execFileSync } from "node:child_process";
import { appendFileSync, mkdirSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { othersShare, sampleCpu } from "./cpu-load.ts";

const ROOT = join(import.meta.dirname, "..");

/** Above this share of the processors other work shows in the numbers. */
export const BUSY_LIMIT = 0.05;

/** How far the measured path is from the truth, so that no speed stands without its price. */
export interface CaseError {
  readonly metric: string;
  readonly value: number;
}

/** One thing to time. */
export interface BenchCase {
  readonly name: string;
  /** Which implementation: "wasm relaxed int8", "onnxruntime-node", … */
  readonly path: string;
  readonly threads: number;
  /** Of `value`, such as "GFLOP/s": what `work` of one call becomes when divided by seconds. */
  readonly unit: string;
  /** Units of work that one call does: 2·m·n·k / 1e9 for GFLOP/s. */
  readonly work: number;
  readonly error?: CaseError;
  run(): void | Promise<void>;
}

/** One line of bench/results/*.jsonl. */
export interface BenchRow {
  readonly date: string;
  readonly commit: string;
  readonly machine: string;
  readonly node: string;
  readonly case: string;
  readonly path: string;
  readonly threads: number;
  readonly value: number;
  readonly unit: string;
  /** Distance of the quartiles divided by the median. */
  readonly spread: number;
  readonly rounds: number;
  readonly error?: CaseError;
}

export interface MeasureOptions {
  readonly rounds?: number;
  /** A sample repeats its case until it has lasted this long. */
  readonly sampleMs?: number;
  /** Records nothing and measures on a busy machine too: for trying a benchmark out. */
  readonly isTrial?: boolean;
  readonly now?: () => number;
  /** Share of the machine that others used while `work` ran. */
  readonly watch?: (work: () => Promise<void>) => Promise<number>;
}

/** The machine has other work: its numbers would mislead. */
export class BusyMachineError extends Error {
  constructor(share: number) {
    const percent = (share * 100).toFixed(1);
    super(
      `Other processes use ${percent} % of the processors; the limit is ${BUSY_LIMIT * 100} %. Stop them, or try out with --trial, which records nothing.`,
    );
    this.name = "BusyMachineError";
  }
}

async function watchOthers(work: () => Promise<void>): Promise<number> {
  const before = sampleCpu();
  await work();
  return othersShare(before, sampleCpu());
}

/** Throws BusyMachineError unless the others leave the machine alone for `windowMs`. */
export async function requireQuietMachine(windowMs = 2000): Promise<void> {
  const share = await watchOthers(() => sleep(windowMs));
  if (share > BUSY_LIMIT) throw new BusyMachineError(share);
}

/** Median, and the distance of the quartiles divided by it. */
export function medianWithSpread(values: readonly number[]): { median: number; spread: number } {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (part: number): number => {
    const place = part * (sorted.length - 1);
    const low = sorted[Math.floor(place)];
    return low + (sorted[Math.ceil(place)] - low) * (place % 1);
  };
  const median = at(0.5);
  return { median, spread: (at(0.75) - at(0.25)) / median };
}

async function sampleSeconds(one: BenchCase, calls: number, now: () => number): Promise<number> {
  const start = now();
  for (let i = 0; i < calls; i++) await one.run();
  return (now() - start) / 1000 / calls;
}

// the first call compiles and warms caches, the second tells how many calls fill a sample
async function callsPerSample(one: BenchCase, sampleMs: number, now: () => number): Promise<number> {
  await one.run();
  const seconds = await sampleSeconds(one, 1, now);
  return Math.max(1, Math.ceil(sampleMs / 1000 / Math.max(seconds, 1e-6)));
}

/**
 * Times all cases in turn, `rounds` times over, so that a slow minute of the machine hits each alike. A round in which other
 * processes took more than the limit is thrown away; throws BusyMachineError when as many rounds were lost as are wanted.
 */
export async function measure(cases: readonly BenchCase[], options: MeasureOptions = {}): Promise<readonly BenchRow[]> {
  const { rounds = 9, sampleMs = 50, isTrial = false, now = () => performance.now(), watch = watchOthers } = options;
  const calls = new Map<BenchCase, number>();
  for (const one of cases) calls.set(one, await callsPerSample(one, sampleMs, now));
  const kept: (readonly number[])[] = [];
  for (let lost = 0; kept.length < rounds; ) {
    const seconds: number[] = [];
    const share = await watch(async () => {
      for (const one of cases) seconds.push(await sampleSeconds(one, calls.get(one) ?? 1, now));
    });
    if (share <= BUSY_LIMIT || isTrial) kept.push(seconds);
    else if (++lost >= rounds) throw new BusyMachineError(share);
  }
  const place = { date: new Date().toISOString(), commit: commitName(), machine: machineName(), node: process.version };
  return cases.map((one, index) => {
    const { median, spread } = medianWithSpread(kept.map((round) => one.work / round[index]));
    const { name, path, threads, unit, error } = one;
    const row = { ...place, case: name, path, threads, value: rounded(median), unit, spread: rounded(spread), rounds };
    return error === undefined ? row : { ...row, error };
  });
}

function rounded(value: number): number {
  return Number(value.toPrecision(4));
}

function git(...args: string[]): string {
  return execFileSync("git", args, { cwd: ROOT, encoding: "utf8" }).trim();
}

/** Short commit, with `+` where the library's files differ from it. */
export function commitName(): string {
  return git("rev-parse", "--short", "HEAD") + (git("status", "--porcelain", "--", "src") === "" ? "" : "+");
}

/** Processor, cores and memory; nothing that names a host or a user. */
export function machineName(): string {
  const [first] = cpus();
  const model = (first?.model ?? process.arch)
    .replace(/\((?:R|TM)\)|CPU|Processor/g, "")
    .replace(/\s+/g, " ")
    .trim();
  return `${model}, ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GiB`;
}

/** Prints rows as a table, and appends them to bench/results/<name>.jsonl unless it was a trial. */
export function report(name: string, rows: readonly BenchRow[], isTrial: boolean): void {
  for (const { case: label, path, threads, value, unit, spread, error } of rows) {
    const price = error === undefined ? "" : `, ${error.metric} ${error.value.toExponential(1)}`;
    console.log(
      `${label.padEnd(36)} ${path.padEnd(24)} ${threads} thread ${value} ${unit} ± ${(spread * 50).toFixed(1)} %${price}`,
    );
  }
  if (isTrial) return;
  const folder = join(ROOT, "bench", "results");
  mkdirSync(folder, { recursive: true });
  appendFileSync(join(folder, `${name}.jsonl`), rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
}

/** What a `bench/<name>/run.ts` needs: reads `--trial`, waits for a quiet machine, measures in groups, reports. A busy machine ends it with status 2. */
export async function runBench(
  name: string,
  groups: readonly (readonly BenchCase[])[],
  args: readonly string[] = process.argv.slice(2),
): Promise<void> {
  const isTrial = args.includes("--trial");
  try {
    if (!isTrial) await requireQuietMachine();
    for (const cases of groups) report(name, await measure(cases, { isTrial }), isTrial);
  } catch (error) {
    if (!(error instanceof BusyMachineError)) throw error;
    console.error(error.message);
    process.exitCode = 2;
  }
}
