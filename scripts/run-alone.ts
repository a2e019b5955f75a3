import { spawnSync } from "node:child_process";
import { TrainingRunningError } from "../src/train/errors.ts";
import { lockTraining } from "../src/train/run/training-lock.ts";

/** Exit status of a benchmark that was refused, as of one that found the machine busy. */
const REFUSED = 2;

/**
 * Runs a benchmark's script and gives its exit status. It holds the lock that trainings hold: neither starts beside the
 * other. A trial records nothing and may run beside a training.
 */
export async function runAlone(
  script: string,
  args: readonly string[],
  { folder, lockPath }: { readonly folder: string; readonly lockPath?: string },
): Promise<number> {
  const run = (): number =>
    spawnSync(process.execPath, [script, ...args], { cwd: folder, stdio: "inherit" }).status ?? 1;
  if (args.includes("--trial")) return run();
  try {
    const lock = await lockTraining(lockPath);
    try {
      return run();
    } finally {
      await lock.release();
    }
  } catch (error) {
    if (!(error instanceof TrainingRunningError)) throw error;
    console.error(`${error.message} Or try out with --trial, which records nothing.`);
    return REFUSED;
  }
}
