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
    const options = { kind: "onnx", random: seededRandom(seed), longestMs: 100 } as const;
    const whole = await trainThroughKills(join(folder, "whole"), { ...options, kills: 0 });
    // a fast machine may end a run before it was struck often, so there are as many runs as it takes
    for (let struck = 0; struck < 4; ) {
      const killed = await trainThroughKills(join(folder, "killed"), { ...options, kills: 4 - struck });
      expect(killed.weights.equals(whole.weights), `seed ${seed}`).toBe(true);
      struck += killed.kills;
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}, 120_000);
