// npm run bench -- kernels [group …] [--dot fused|pairs] [--wide] [--trial]: kernels on 1 and 2 threads beside the machine's peaks of the
// same rounds, each with its error. The form of the 8-bit sums is the one that this machine runs faster, unless --dot names one;
// --wide switches 256-bit vectors on, an experiment of the engine.
import { setFlagsFromString } from "node:v8";
import { type BenchCase, runBench } from "../../scripts/bench-lib.ts";
import { prefersPairs } from "../../src/backend/wasm/kernels/dot-form.ts";
import { CASE_GROUPS } from "./cases.ts";
import { kernelTeam } from "./kernel-team.ts";

const MEGABYTES = 2048;
const args = process.argv.slice(2);
// the baseline compiler would run the first tenths of a second of each kernel
setFlagsFromString("--no-liftoff");
const isWide = args.includes("--wide");
if (isWide) setFlagsFromString("--experimental-wasm-revectorize");
const dot = args.includes("--dot") ? args[args.indexOf("--dot") + 1] : undefined;
const pairs = dot === undefined ? prefersPairs() : dot === "pairs";
const named = args.filter((argument) => !argument.startsWith("--") && argument !== dot);
const groups = named.length > 0 ? named : Object.keys(CASE_GROUPS);
const team = kernelTeam(MEGABYTES, { relaxed: true, pairs, threads: true }, isWide);

function* cases(): Generator<readonly BenchCase[]> {
  for (const group of groups) {
    const make = CASE_GROUPS[group];
    if (make === undefined) {
      throw new RangeError(`There is no group "${group}": ${Object.keys(CASE_GROUPS).join(", ")}.`);
    }
    yield make(team);
  }
}

await runBench("kernels", cases(), args);
team.stop();
