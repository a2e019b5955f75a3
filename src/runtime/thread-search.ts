import type { Backend } from "../tensor/backend.ts";
import { measureRate } from "./measure.ts";
import type { Platform } from "./platform.ts";

/** Time of the whole search: paper §5.2 found the best allocation by search, and a second is soon forgotten. */
const SEARCH_MS = 1000;
const NEAR = 0.8;
const NOTE = "threads";

/** The thread count that computes fastest on this device: searched once, then remembered. */
export async function bestThreadCount(
  platform: Platform,
  create: (threadCount: number) => Promise<Backend>,
): Promise<number> {
  if (platform.startWorker === undefined || platform.coreCount < 2) return 1;
  const known = Number(await platform.recall(NOTE));
  if (Number.isInteger(known) && known >= 1 && known <= platform.coreCount) return known;
  const counts = candidateCounts(platform.coreCount);
  const rates: number[] = [];
  for (const count of counts) {
    const backend = await create(count);
    try {
      rates.push(await measureRate(backend, () => platform.nowMs(), SEARCH_MS / counts.length));
    } finally {
      backend[Symbol.dispose]();
    }
  }
  const best = chooseCount(counts, rates);
  await platform.remember(NOTE, String(best));
  return best;
}

/** The most threads that come near the best rate: a core that is busy just now must not be left out for good. */
export function chooseCount(counts: readonly number[], rates: readonly number[]): number {
  const enough = NEAR * Math.max(...rates);
  return counts.findLast((_, i) => rates[i] >= enough) ?? 1;
}

/** Half the cores, three quarters and all of them: hyper-threads and slow cores often do not pay. */
function candidateCounts(coreCount: number): readonly number[] {
  const counts = [0.5, 0.75, 1].map((share) => Math.max(1, Math.round(coreCount * share)));
  return [...new Set(counts)];
}
