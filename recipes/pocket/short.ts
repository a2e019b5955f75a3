// A shortened recipe: a few minutes of the first stage on digits in two faces, from nothing. It ends with status 1 unless the tower
// has visibly learnt to read them, so that it tests data, graph, optimiser and start together.
// usage: node short.ts [--minutes 4] [--run FOLDER]
import { spawnSync } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";

/** Share of characters right over the last steps; the commonest class alone gives about 0.1. */
const LEARNT = 0.5;
const LAST = 20;

const { values: args } = parseArgs({
  options: {
    minutes: { type: "string", default: "4" },
    run: { type: "string", default: join(import.meta.dirname, "../../runs/short") },
  },
});
rmSync(args.run, { recursive: true, force: true });
const train = join(import.meta.dirname, "train.ts");
const trained = spawnSync(process.execPath, [train, "--run", args.run, "--stage", "short", "--minutes", args.minutes], {
  stdio: "inherit",
});
if (trained.status !== 0) process.exit(trained.status ?? 1);

interface Row {
  readonly step: number;
  readonly denseAccuracy: number;
}
const rows = readFileSync(join(args.run, "log.jsonl"), "utf8")
  .trim()
  .split("\n")
  .map((line) => JSON.parse(line) as Row);
const mean = (part: readonly Row[]): number => part.reduce((sum, row) => sum + row.denseAccuracy, 0) / part.length;
const [first, last] = [mean(rows.slice(0, LAST)), mean(rows.slice(-LAST))];
console.log(
  `characters right: ${first.toFixed(3)} over the first ${LAST} steps, ${last.toFixed(3)} over the last of ${rows.length}`,
);
if (!(last >= LEARNT)) {
  console.error(`Less than ${LEARNT}: it has not learnt to read digits. Give it more minutes on a slow machine.`);
  process.exit(1);
}
