// node bench/kernels/run.ts [group …] [--rounds n]: one thread, every case against the peaks measured in the same run.
// Rounds alternate over the cases of a group; a row shows the median, the quartiles and the best. Rows measured while
// other processes use more than 5 % of the CPU are marked "busy": their bests are guidance, their medians are not.
import { readFileSync } from "node:fs";
import { cpus } from "node:os";
import type { KernelCase, Unit } from "./cases.ts";
import { CASE_GROUPS } from "./cases.ts";
import { kernelMemory } from "./kernel-memory.ts";
import type { Peaks } from "./peaks.ts";
import { measurePeaks } from "./peaks.ts";

const MEGABYTES = 1500;
const BUSY_SHARE = 0.05;
const PEAK_ROUNDS = 30;
const WARM_UP_MS = 300;

/** CPU milliseconds used so far by everybody and by this process. */
function usage(): { readonly all: number; readonly own: number } {
  const all = cpus().reduce((sum, { times }) => sum + times.user + times.sys + times.nice + times.irq, 0);
  const { user, system } = process.cpuUsage();
  return { all, own: (user + system) / 1000 };
}

function peakOf(peaks: Peaks, unit: Unit): number | undefined {
  const table = { "GFLOP/s": peaks.f32Gflops, "GOP/s": peaks.dotGops, "GB/s": peaks.readGBs, "Melement/s": undefined };
  return table[unit];
}

function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
}

function measure(cases: readonly KernelCase[], rounds: number): number[][] {
  for (const { run } of cases) {
    // the optimising compiler takes over in the background, late on a busy machine
    const start = performance.now();
    while (performance.now() - start < WARM_UP_MS) run();
  }
  const times = cases.map((): number[] => []);
  for (let round = 0; round < rounds; round++) {
    for (const [i, { run }] of cases.entries()) {
      const start = performance.now();
      run();
      times[i].push(performance.now() - start);
    }
  }
  return times;
}

function report(entry: KernelCase, times: readonly number[], peaks: Peaks, isBusy: boolean): void {
  const perMs = entry.unit === "Melement/s" ? 1e3 : 1e6;
  const rates = times.map((ms) => entry.work / ms / perMs).sort((a, b) => a - b);
  const best = rates[rates.length - 1];
  const peak = peakOf(peaks, entry.unit);
  const share = peak === undefined ? "" : ` ${((100 * best) / peak).toFixed(0)} % of peak at best`;
  const spread = `${quantile(rates, 0.25).toFixed(1)}…${quantile(rates, 0.75).toFixed(1)}`;
  console.log(
    `${entry.name}: ${quantile(rates, 0.5).toFixed(1)} ${entry.unit} (${spread}), best ${best.toFixed(1)}${share}${isBusy ? ", busy" : ""}`,
  );
}

const roundsAt = process.argv.indexOf("--rounds");
const rounds = roundsAt < 0 ? 15 : Number(process.argv[roundsAt + 1]);
const named = process.argv.slice(2, roundsAt < 0 ? undefined : roundsAt);
const peaks = measurePeaks(() => performance.now(), PEAK_ROUNDS);
const model = /model name\s*: (.*)/.exec(readFileSync("/proc/cpuinfo", "utf8"))?.[1] ?? "unknown CPU";
console.log(`${model}, Node ${process.versions.node}, one thread, ${rounds} rounds`);
console.log(
  `peaks: dot product ${peaks.dotGops.toFixed(0)} GOP/s, f32 ${peaks.f32Gflops.toFixed(1)} GFLOP/s, read ${peaks.readGBs.toFixed(1)} GB/s`,
);
for (const name of named.length > 0 ? named : Object.keys(CASE_GROUPS)) {
  const cases = CASE_GROUPS[name](kernelMemory({ relaxed: true, threads: false }, MEGABYTES));
  const [before, start] = [usage(), performance.now()];
  const times = measure(cases, rounds);
  const after = usage();
  const others = after.all - before.all - (after.own - before.own);
  const isBusy = others / ((performance.now() - start) * cpus().length) > BUSY_SHARE;
  for (const [i, entry] of cases.entries()) report(entry, times[i], peaks, isBusy);
}
