/** A thread of the benchmarks' team: waits for a call, runs it, says so. */
import { workerData } from "node:worker_threads";
import { CALL_WORDS, CONTROL, instantiateAll, type TeamStart } from "./team-call.ts";

// longer than the gap between two calls of a sample, shorter than another case's sample
const SPINS = 200_000;

const start = workerData as TeamStart;
const control = new Int32Array(start.control);
const kernels = instantiateAll(start);
const at = CONTROL.calls + start.part * CALL_WORDS;

function awaitChange(seen: number): number {
  for (let i = 0; i < SPINS; i++) {
    const now = Atomics.load(control, CONTROL.generation);
    if (now !== seen) return now;
  }
  Atomics.wait(control, CONTROL.generation, seen);
  return Atomics.load(control, CONTROL.generation);
}

for (let seen = 0; ; ) {
  const next = awaitChange(seen);
  if (next === seen) continue;
  seen = next;
  if (seen < 0) break;
  if (start.part >= Atomics.load(control, CONTROL.count)) continue;
  const [kernel, count] = [control[at], control[at + 1]];
  kernels[kernel](...control.subarray(at + 2, at + 2 + count));
  Atomics.add(control, CONTROL.done, 1);
}
