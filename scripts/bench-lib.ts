/** Measuring for `bench/<name>/run.ts`: quiet machine or nothing, cases in turn, medians with spread, one row a case. */
import { execFileSync } from "node:child_process";
import { appendFileSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { othersShare, sampleCpu } from "./cpu-load.ts";

const ROOT = join(import.meta.dirname, "..");

/** Above this share of the processors other work shows in the numbers. */
export const BUSY_LIMIT = 0.05;

/** How far the measured path is from the truth, so that no speed stands without its price. */
export type CaseError = MeasuredError | MissingError;

export interface MeasuredError {
  /** What was compared, and with what: "NMSE against float64". */
  readonly metric: string;
  readonly value: number;
}

/** Where a path gives no answer to compare. */
export interface MissingError {
  readonly metric: "not available";
  readonly reason: string;
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
  readonly error: CaseError;
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
  readonly error: CaseError;
}

/** One quantity of one path in a comparison of whole programs: a value a round. */
export interface Series extends Pick<BenchRow, "case" | "path" | "threads" | "unit" | "error"> {
  readonly once: () => Promise<readonly number[]>;
}

export interface MeasureOptions {
  readonly rounds?: number;
  /** A sample repeats its case until it has lasted this long. */
  readonly sampleMs?: number;
  /** Records nothing and measures on a busy machine too: for trying a benchmark out. */
  readonly isTrial?: boolean;
  /** Rounds of series that come before those that count; one by default. */
  readonly warmUpRounds?: number;
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

/** Rounds of `round` that others left alone; throws BusyMachineError when as many were lost as are wanted. */
async function quietRounds<T>(
  round: () => Promise<T>,
  { rounds = 9, isTrial = false, watch = watchOthers }: MeasureOptions,
): Promise<readonly T[]> {
  const kept: T[] = [];
  for (let lost = 0; kept.length < rounds; ) {
    let got: T[] = [];
    const share = await watch(async () => {
      got = [await round()];
    });
    if (share <= BUSY_LIMIT || isTrial) kept.push(...got);
    else if (++lost >= rounds) throw new BusyMachineError(share);
  }
  return kept;
}

const placeOf = (): Pick<BenchRow, "date" | "commit" | "machine" | "node"> => ({
  date: new Date().toISOString(),
  commit: commitName(),
  machine: machineName(),
  node: process.version,
});

/**
 * Times all cases in turn, `rounds` times over, so that a slow minute of the machine hits each alike. A round in which other
 * processes took more than the limit is thrown away; throws BusyMachineError when as many rounds were lost as are wanted.
 */
export async function measure(cases: readonly BenchCase[], options: MeasureOptions = {}): Promise<readonly BenchRow[]> {
  const { sampleMs = 50, now = () => performance.now() } = options;
  const calls = new Map<BenchCase, number>();
  for (const one of cases) calls.set(one, await callsPerSample(one, sampleMs, now));
  const kept = await quietRounds(async () => {
    const seconds: number[] = [];
    for (const one of cases) seconds.push(await sampleSeconds(one, calls.get(one) ?? 1, now));
    return seconds;
  }, options);
  const place = placeOf();
  return cases.map(({ name, path, threads, work, unit, error }, index) => {
    const { median, spread } = medianWithSpread(kept.map((round) => work / round[index]));
    const figures = { value: rounded(median), unit, spread: rounded(spread), rounds: kept.length };
    return { ...place, case: name, path, threads, ...figures, error };
  });
}

/** All series in turn, `rounds` times after those that warm up; rounds are kept and lost as those of `measure`. */
export async function measureSeries(
  series: readonly Series[],
  options: MeasureOptions = {},
): Promise<readonly BenchRow[]> {
  const round = async (): Promise<readonly (readonly number[])[]> => {
    const values: (readonly number[])[] = [];
    for (const { once } of series) values.push(await once());
    return values;
  };
  for (let warm = 0; warm < (options.warmUpRounds ?? 1); warm++) await round();
  const kept = await quietRounds(round, options);
  const place = placeOf();
  return series.map(({ case: name, path, threads, unit, error }, index) => {
    const { median, spread } = medianWithSpread(kept.flatMap((values) => values[index]));
    const figures = { value: rounded(median), unit, spread: rounded(spread), rounds: kept.length };
    return { ...place, case: name, path, threads, ...figures, error };
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

/** What decides the speed of 8-bit sums and vectors, fastest first, as Linux names it. */
const VECTOR_FLAGS = ["avx512_vnni", "avx_vnni", "avx512f", "avx2", "asimddp", "asimd"];

/** Processor, its widest vectors where they are known, cores and memory; nothing that names a host or a user. */
export function machineName(): string {
  const [first] = cpus();
  const model = (first?.model ?? process.arch)
    .replace(/\((?:R|TM)\)|CPU|Processor/g, "")
    .replace(/\s+/g, " ")
    .trim();
  const known = existsSync("/proc/cpuinfo") ? readFileSync("/proc/cpuinfo", "utf8") : "";
  const flags = /^(?:flags|Features)\s*:(.*)$/m.exec(known)?.[1].split(" ") ?? [];
  const vectors = VECTOR_FLAGS.find((flag) => flags.includes(flag));
  const parts = [model, ...(vectors === undefined ? [] : [vectors])];
  return `${parts.join(", ")}, ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GiB`;
}

/** NMSE, as measured. */
export const nmseError = (value: number, against = "float64"): CaseError => ({
  metric: `NMSE against ${against}`,
  value,
});

function printed(error: CaseError): string {
  return "value" in error ? `${error.metric} ${error.value.toExponential(1)}` : `no error: ${error.reason}`;
}

/** Prints rows as a table, and appends them to bench/results/<name>.jsonl unless it was a trial. */
export function report(name: string, rows: readonly BenchRow[], isTrial: boolean): void {
  for (const { case: label, path, threads, value, unit, spread, error } of rows) {
    console.log(
      `${label.padEnd(36)} ${path.padEnd(24)} ${threads} thread ${value} ${unit} ± ${(spread * 50).toFixed(1)} %, ${printed(error)}`,
    );
  }
  if (isTrial) return;
  const folder = join(ROOT, "bench", "results");
  mkdirSync(folder, { recursive: true });
  appendFileSync(join(folder, `${name}.jsonl`), rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
}

/**
 * What a `bench/<name>/run.ts` needs: reads `--trial`, looks whether the machine is quiet, then makes group after group, measures and
 * reports it. A busy machine ends it with status 2.
 */
export async function runBench(
  name: string,
  groups: Iterable<readonly BenchCase[]>,
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
