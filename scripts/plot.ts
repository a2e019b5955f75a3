/** `node scripts/plot.ts ROWS.jsonl -o PLOT.svg [--title T] [--kind bar|line] [--match TEXT]`: draws rows of a benchmark. */
import { readFileSync, writeFileSync } from "node:fs";
import { basename } from "node:path";
import { parseArgs } from "node:util";
import type { BenchRow } from "./bench-lib.ts";
import { type Bar, barPlot, type Line, linePlot } from "./svg-plot.ts";

export function parseRows(text: string): readonly BenchRow[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line): BenchRow => JSON.parse(line));
}

const seriesOf = ({ path, threads }: BenchRow): string => `${path}, ${threads} thread${threads === 1 ? "" : "s"}`;

/** The newest row of each case, path and thread count. */
export function latestBars(rows: readonly BenchRow[]): readonly Bar[] {
  const latest = new Map<string, BenchRow>();
  for (const row of rows) latest.set(JSON.stringify([row.case, row.path, row.threads]), row);
  return [...latest.values()].map((row) => ({
    group: row.case,
    series: seriesOf(row),
    value: row.value,
    spread: row.spread,
  }));
}

/** One line per case, path and thread count: its values in the order they were measured. */
export function history(rows: readonly BenchRow[]): readonly Line[] {
  const lines = new Map<string, [number, number][]>();
  for (const row of rows) {
    const name = `${row.case}, ${seriesOf(row)}`;
    const points = lines.get(name) ?? [];
    lines.set(name, [...points, [points.length + 1, row.value]]);
  }
  return [...lines].map(([series, points]) => ({ series, points }));
}

function main(args: readonly string[]): void {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      out: { type: "string", short: "o" },
      title: { type: "string" },
      kind: { type: "string", default: "bar" },
      match: { type: "string", default: "" },
    },
  });
  const [file] = positionals;
  if (file === undefined || values.out === undefined) throw new Error("Call plot ROWS.jsonl -o PLOT.svg.");
  const rows = parseRows(readFileSync(file, "utf8")).filter((row) => JSON.stringify(row).includes(values.match));
  const newest = rows.at(-1);
  if (newest === undefined)
    throw new Error(`${file} has no row${values.match === "" ? "" : ` that contains ${values.match}`}.`);
  const title = values.title ?? basename(file, ".jsonl");
  const valueLabel = `${newest.unit}; ${newest.machine}; Node ${newest.node}; commit ${newest.commit}`;
  const text = { title, valueLabel, xLabel: "measurement" };
  writeFileSync(values.out, values.kind === "line" ? linePlot(history(rows), text) : barPlot(latestBars(rows), text));
}

if (process.argv[1] === import.meta.filename) main(process.argv.slice(2));
