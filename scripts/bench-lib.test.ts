import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import {
  type BenchCase,
  BusyMachineError,
  machineName,
  measure,
  measureSeries,
  medianWithSpread,
  nmseError,
} from "./bench-lib.ts";
import { othersShare, ownTicks, parseProcessStat, sampleCpu } from "./cpu-load.ts";

/** A case that advances a clock of its own by `ms` each call, and writes its name down. */
function clockedCase(name: string, ms: () => number, clock: { time: number }, trace: string[] = []): BenchCase {
  const run = (): void => {
    clock.time += ms();
    trace.push(name);
  };
  return { name, path: "clock", threads: 1, unit: "call/s", work: 1, error: nmseError(0), run };
}

const quiet = async (work: () => Promise<void>): Promise<number> => {
  await work();
  return 0;
};

// Catches a runner that times all of one case before the next: a machine that slows down would decide the comparison.
test("cases alternate and each sample is long enough", async () => {
  const clock = { time: 0 };
  const trace: string[] = [];
  const cases = [clockedCase("a", () => 10, clock, trace), clockedCase("b", () => 25, clock, trace)];
  const rows = await measure(cases, { rounds: 2, sampleMs: 50, now: () => clock.time, watch: quiet });
  expect(trace.join("")).toBe(`aabb${"aaaaabb".repeat(2)}`);
  expect(rows.map(({ case: name, value, spread }) => [name, value, spread])).toEqual([
    ["a", 100, 0],
    ["b", 40, 0],
  ]);
});

// Catches a mean in place of the median: one interrupted round would move the row.
test("one slow round moves neither the value nor the spread much", async () => {
  expect(medianWithSpread([10, 10, 10, 10, 100])).toEqual({ median: 10, spread: 0 });
  expect(medianWithSpread([1, 2, 3, 4])).toEqual({ median: 2.5, spread: 0.6 });
});

// Catches rows measured beside other work: the disturbed round has to be repeated, and a machine that never rests refused.
test("a disturbed round is thrown away and a busy machine refused", async () => {
  const clock = { time: 0 };
  const shares = [0.5, 0, 0.2, 0, 0];
  const costs = [1, 1, 8, 2, 8, 2, 2];
  const slowed = clockedCase("a", () => costs.shift() ?? 2, clock);
  const watch = async (work: () => Promise<void>): Promise<number> => {
    await work();
    return shares.shift() ?? 0;
  };
  const [row] = await measure([slowed], { rounds: 3, sampleMs: 1, now: () => clock.time, watch });
  expect(row.value).toBe(500);
  const always = async (work: () => Promise<void>): Promise<number> => {
    await work();
    return 0.06;
  };
  const busy = clockedCase("a", () => 1, clock);
  await expect(measure([busy], { rounds: 3, sampleMs: 1, now: () => clock.time, watch: always })).rejects.toThrow(
    BusyMachineError,
  );
  expect(
    await measure([busy], { rounds: 3, sampleMs: 1, now: () => clock.time, watch: always, isTrial: true }),
  ).toHaveLength(1);
});

// Catches a comparison of programs that warms up in its figures, or that keeps what was measured beside other work.
test("series leave out the round that warms up and every disturbed one", async () => {
  const shares = [0, 0.2, 0];
  const watch = async (work: () => Promise<void>): Promise<number> => {
    await work();
    return shares.shift() ?? 0;
  };
  const answers = [[1], [10, 12], [99], [14, 16]];
  const about = { case: "a", path: "b", threads: 1, unit: "tokens/s", error: nmseError(0) };
  const [row] = await measureSeries([{ ...about, once: async () => answers.shift() ?? [] }], { rounds: 2, watch });
  expect(row).toMatchObject({ value: 13, rounds: 2 });
  const always = async (work: () => Promise<void>): Promise<number> => {
    await work();
    return 0.06;
  };
  const busy = { ...about, once: async () => [1] };
  await expect(measureSeries([busy], { rounds: 2, watch: always })).rejects.toThrow(BusyMachineError);
});

const RESULTS = join(import.meta.dirname, "..", "bench", "results");
const recorded = readdirSync(join(import.meta.dirname, "..", "bench"))
  .map((name) => join(RESULTS, `${name}.jsonl`))
  .filter((file) => existsSync(file))
  .flatMap((file) => readFileSync(file, "utf8").trim().split("\n"));

// Catches a speed that is published without its price, or that was written down by hand.
test("every recorded row names commit, machine, path and error", () => {
  for (const line of recorded) {
    const row: unknown = JSON.parse(line);
    const error = expect.toSatisfy(
      (price: { metric?: unknown; value?: unknown; reason?: unknown }) =>
        typeof price.metric === "string" &&
        (price.metric === "not available"
          ? typeof price.reason === "string" && price.reason.length > 10
          : Number.isFinite(price.value)),
    );
    expect(row, line).toMatchObject({
      date: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      // "+" tells of library files that differed from the commit
      commit: expect.stringMatching(/^[0-9a-f]{7,}\+?$/),
      machine: expect.stringMatching(/cores/),
      path: expect.stringMatching(/./),
      value: expect.toSatisfy(Number.isFinite),
      rounds: expect.toSatisfy((rounds: number) => rounds >= 2),
      error,
    });
  }
});

// Catches own work, threads or children counted as others': every benchmark would refuse itself.
test("own processor time is no load of others", () => {
  expect(othersShare({ busy: 100, total: 1000, own: 50 }, { busy: 190, total: 1200, own: 130 })).toBe(0.05);
  const processes = ["1 (a) b) S 0", "2 (x) R 1", "3 (y) R 2", "4 (z) R 9"].map((head, index) =>
    parseProcessStat(index + 1, `${head} 0 0 0 0 0 0 0 0 0 10 5 1 0 20 0`),
  );
  expect(processes[0]).toEqual({ pid: 1, parent: 0, ticks: 16 });
  expect(ownTicks(1, processes)).toBe(48);
});

// Catches counters read in other units than they are compared in.
test("a busy loop of ours shows as our own time", () => {
  const before = sampleCpu();
  for (const end = performance.now() + 300; performance.now() < end; );
  const after = sampleCpu();
  expect(after.own).toBeGreaterThan(before.own);
  expect(after.busy - before.busy).toBeGreaterThanOrEqual((after.own - before.own) * 0.5);
});

// Catches a row that tells more than the machine's kind.
test("the machine's name has its processor and no host", () => {
  expect(machineName()).toMatch(/, \d+ cores, \d+ GiB$/);
});
