import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { seededRandom } from "../../base/random.ts";
import { trainThroughKills } from "../testing/kill-and-resume.ts";

// would catch: a save that a kill can tear, a resumed run that repeats or skips a step; test/long/train-kill.ts does 50
test("a run killed at random moments ends with the bits of one that was not", async () => {
  const folder = await mkdtemp(join(tmpdir(), "train-kill-"));
  const seed = 11;
  try {
    const options = { kind: "onnx", random: seededRandom(seed), longestMs: 300 } as const;
    const whole = await trainThroughKills(join(folder, "whole"), { ...options, kills: 0 });
    const killed = await trainThroughKills(join(folder, "killed"), { ...options, kills: 4 });
    expect(killed.kills, `seed ${seed}`).toBeGreaterThan(1);
    expect(killed.weights.equals(whole.weights), `seed ${seed}`).toBe(true);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}, 120_000);
