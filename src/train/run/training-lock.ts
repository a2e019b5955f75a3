import { tmpdir } from "node:os";
import { join } from "node:path";
import { LockedError } from "../../io/errors.ts";
import { type FileLock, lockFile } from "../../io/node/lock-file.ts";
import { TrainingRunningError } from "../errors.ts";

/** Held by every training and every benchmark of this machine, so that neither disturbs the other. */
export function trainingLockPath(): string {
  return join(tmpdir(), "minicpmv-training.lock");
}

/** Takes the lock. Throws TrainingRunningError while another training of this machine runs. */
export async function lockTraining(path: string = trainingLockPath()): Promise<FileLock> {
  try {
    return await lockFile(path);
  } catch (cause) {
    if (cause instanceof LockedError) throw new TrainingRunningError(path, { cause });
    throw cause;
  }
}

/** True while a training runs; a lock that a dead process left behind does not count. */
export async function isTrainingRunning(path: string = trainingLockPath()): Promise<boolean> {
  try {
    await (await lockTraining(path)).release();
    return false;
  } catch (error) {
    if (error instanceof TrainingRunningError) return true;
    throw error;
  }
}
