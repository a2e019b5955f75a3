// npm run bench -- kernels [group …] [--trial]: kernels on 1 and 2 threads beside the machine's peaks of the same rounds.
import { setFlagsFromString } from "node:v8";
import { runBench } from "../../scripts/bench-lib.ts";
import { CASE_GROUPS } from "./cases.ts";
import { kernelTeam } from "./kernel-team.ts";

// the baseline compiler would run the first tenths of a second of each kernel
setFlagsFromString("--no-liftoff");

const MEGABYTES = 1024;
const named = process.argv.slice(2).filter((argument) => !argument.startsWith("--"));
const groups = named.length > 0 ? named : Object.keys(CASE_GROUPS);
const team = kernelTeam(MEGABYTES);
const cases = groups.map((group) => {
  const make = CASE_GROUPS[group];
  if (make === undefined) throw new RangeError(`There is no group "${group}": ${Object.keys(CASE_GROUPS).join(", ")}.`);
  return make(team);
});
await runBench("kernels", cases);
team.stop();
