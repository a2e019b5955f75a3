import { expect, test } from "vitest";
import { type BenchRow, nmseError } from "./bench-lib.ts";
import { history, latestBars, parseRows } from "./plot.ts";
import { barPlot, linePlot, niceTicks } from "./svg-plot.ts";

function row(name: string, path: string, value: number): BenchRow {
  const place = { date: "2026-01-01T00:00:00Z", commit: "abc1234", machine: "m", node: "v24" };
  return {
    ...place,
    case: name,
    path,
    threads: 1,
    value,
    unit: "GFLOP/s",
    spread: 0.1,
    rounds: 9,
    error: nmseError(0),
  };
}

const rows = [row("gemm", "scalar", 1), row("gemm", "<simd>", 4), row("gemm", "scalar", 2)];
const text = { title: "Kernels & peers", valueLabel: "GFLOP/s" };

// Catches a plot that shows a stale measurement beside the newest one.
test("a later row replaces the earlier one of the same case, path and threads", () => {
  expect(latestBars(rows).map(({ series, value }) => [series, value])).toEqual([
    ["scalar, 1 thread", 2],
    ["<simd>, 1 thread", 4],
  ]);
  expect(history(rows).map(({ points }) => points)).toEqual([
    [
      [1, 1],
      [2, 2],
    ],
    [[1, 4]],
  ]);
});

// Catches bars whose lengths do not stand in the proportion of their values, and names that break the file.
test("bars are as long as their values say, and names are escaped", () => {
  const svg = barPlot(latestBars(rows), text);
  const widths = [...svg.matchAll(/<rect x="260"[^>]*width="([\d.]+)"/g)].map(([, width]) => Number(width));
  expect(widths[1] / widths[0]).toBeCloseTo(2, 2);
  expect(svg).toContain("Kernels &amp; peers");
  expect(svg).toContain("&lt;simd&gt;, 1 thread");
  expect(svg).not.toMatch(/NaN|undefined|Infinity/);
});

// Catches names that begin left of the picture, where nobody can read them.
test("a long name is broken after its commas", () => {
  const name = "prefill 64, 2.6 with 4 layers, Q4_K_M, Chromium 156.0.8078.108";
  const svg = barPlot(latestBars([row(name, "scalar", 1)]), text);
  const lines = [...svg.matchAll(/text-anchor="end"[^>]*>([^<]+)</g)].map(([, line]) => line);
  expect(lines.join(" ")).toContain(name);
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThan(40);
});

// Catches an axis that runs the wrong way, or a division by the width of nothing.
test("lines rise with their values, a single point too is drawn", () => {
  const svg = linePlot(
    [
      {
        series: "loss",
        points: [
          [0, 1],
          [10, 3],
        ],
      },
    ],
    text,
  );
  const [, first, last] = /points="[\d.]+,([\d.]+) [\d.]+,([\d.]+)"/.exec(svg) ?? [];
  expect(Number(last)).toBeLessThan(Number(first));
  expect(linePlot([{ series: "one", points: [[1, 1]] }], text)).not.toMatch(/NaN|Infinity/);
});

// Catches ticks that drift off round numbers or leave the largest value outside.
test("ticks are round and enclose the values", () => {
  expect(niceTicks(0, 0.7)).toEqual([0, 0.2, 0.4, 0.6, 0.8]);
  expect(niceTicks(0, 222)).toEqual([0, 50, 100, 150, 200, 250]);
  expect(niceTicks(5, 5)).toEqual([5, 6]);
});

// Catches a reader that stumbles over the newline every appended row ends with.
test("rows are read back as they were written", () => {
  expect(parseRows(rows.map((one) => `${JSON.stringify(one)}\n`).join(""))).toEqual(rows);
});
