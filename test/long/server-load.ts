/** Load on a server with rows: node test/long/server-load.ts [minutes, default 10] [clients, default 1,4,16]. Clients leave, err and crowd. */
import { execFileSync } from "node:child_process";
import { appendFileSync, mkdirSync } from "node:fs";
import { cpus } from "node:os";
import { fileURLToPath } from "node:url";
import { BUSY_LIMIT } from "../../scripts/bench-lib.ts";
import { othersShare, sampleCpu } from "../../scripts/cpu-load.ts";
import { loadRounds } from "../e2e/server/load-rounds.ts";

const RESULTS = fileURLToPath(new URL("../../bench/results/", import.meta.url));
const MOST_GROWTH = 0.05;

const minutes = Number(process.argv[2] ?? 10);
const clientCounts = (process.argv[3] ?? "1,4,16").split(",").map(Number);
const seed = 20261122;
const commit = execFileSync("git", ["rev-parse", "--short", "HEAD"], { encoding: "utf8" }).trim();

mkdirSync(RESULTS, { recursive: true });
for (const clients of clientCounts) {
  const before = sampleCpu();
  const { lost, ...result } = await loadRounds({ clients, seconds: minutes * 60, seed });
  const share = othersShare(before, sampleCpu());
  const growth = result.endMiB / result.warmMiB - 1;
  const row = {
    date: new Date().toISOString().slice(0, 10),
    commit,
    // latencies count where others left the machine alone, memory everywhere
    othersShare: Number(share.toFixed(3)),
    isBusy: share > BUSY_LIMIT,
    machine: `${cpus()[0]?.model} × ${cpus().length}`,
    node: process.version,
    case: "server load, tiny 2.6, 400 pictures, 2 MiB for their rows",
    minutes,
    seed,
    ...result,
    lost: lost.length,
    growth,
  };
  appendFileSync(`${RESULTS}server-load.jsonl`, `${JSON.stringify(row)}\n`);
  console.log(JSON.stringify(row));
  for (const line of lost) console.log(`lost: ${line}`);
  if (lost.length > 0 || growth > MOST_GROWTH) process.exitCode = 1;
}
