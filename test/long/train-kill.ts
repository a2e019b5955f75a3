// Kills a training at random moments until it has struck N times, run after run, and compares the bits of every run that
// ended with those of one that was never killed. usage: node test/long/train-kill.ts [--kills 50] [--seed 1] [--backend onnx]
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { seededRandom } from "../../src/base/random.ts";
import { trainThroughKills } from "../../src/train/testing/kill-and-resume.ts";

const { values: args } = parseArgs({
  options: {
    kills: { type: "string", default: "50" },
    seed: { type: "string", default: "1" },
    backend: { type: "string", default: "onnx" },
  },
});
const wanted = Number(args.kills);
const random = seededRandom(Number(args.seed));
const kind = args.backend === "wasm" ? "wasm" : "onnx";
const folder = await mkdtemp(join(tmpdir(), "train-kill-"));
const options = { kind, random, longestMs: 400 } as const;
const whole = await trainThroughKills(join(folder, "whole"), { ...options, kills: 0 });
let struck = 0;
let runs = 0;
while (struck < wanted) {
  const { kills, weights } = await trainThroughKills(join(folder, "killed"), { ...options, kills: wanted - struck });
  struck += kills;
  runs++;
  if (!weights.equals(whole.weights)) {
    console.error(`Run ${runs} (seed ${args.seed}, ${kills} kills) ended with other weights. See ${folder}.`);
    process.exit(1);
  }
  console.log(`run ${runs}: ${kills} kills, weights equal (${struck} of ${wanted})`);
}
await rm(folder, { recursive: true, force: true });
console.log(`${struck} kills in ${runs} runs: every run ended with the bits of the one that was never killed.`);
