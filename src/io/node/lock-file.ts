import { randomUUID } from "node:crypto";
import { open, readFile, rename, stat, unlink, utimes } from "node:fs/promises";
import { hostname } from "node:os";
import { LockedError } from "../errors.ts";
import { errorCode, ignoreMissing } from "./fs-helpers.ts";

export interface FileLock {
  /** Tells other machines on a shared disk that the holder is alive. */
  touch(): Promise<void>;
  release(): Promise<void>;
}

interface Holder {
  readonly pid: number;
  readonly host: string;
  readonly nonce: string;
}

// A holder on another machine cannot be asked whether it lives; a fetch touches its lock far more often than this.
const FOREIGN_LOCK_LIFE_MS = 15 * 60_000;

/** Takes a lock between processes by creating a file. A lock whose process has died is taken over. Throws LockedError. */
export async function lockFile(path: string): Promise<FileLock> {
  const nonce = randomUUID();
  const text = JSON.stringify({ pid: process.pid, host: hostname(), nonce } satisfies Holder);
  if (!(await tryCreate(path, text))) {
    await removeIfStale(path);
    if (!(await tryCreate(path, text))) throw new LockedError(path, "another process");
  }
  return {
    touch: async () => {
      const now = new Date();
      await utimes(path, now, now).catch(ignoreMissing);
    },
    release: async () => {
      // After a take-over the file belongs to somebody else.
      if ((await readHolder(path))?.nonce === nonce) await unlink(path).catch(ignoreMissing);
    },
  };
}

async function tryCreate(path: string, text: string): Promise<boolean> {
  try {
    const handle = await open(path, "wx");
    try {
      await handle.writeFile(text);
    } finally {
      await handle.close();
    }
    return true;
  } catch (error) {
    if (errorCode(error) === "EEXIST") return false;
    throw error;
  }
}

async function removeIfStale(path: string): Promise<void> {
  const holder = await readHolder(path);
  const ageMs = await stat(path).then(
    ({ mtimeMs }) => Date.now() - mtimeMs,
    () => 0,
  );
  if (holder ? isAlive(holder, ageMs) : ageMs < FOREIGN_LOCK_LIFE_MS) {
    throw new LockedError(path, holder ? `process ${holder.pid} on ${holder.host}` : "another process");
  }
  // Two processes may find the same stale lock: only the one that moves it away, and finds the stale one moved, goes on.
  const aside = `${path}.${randomUUID()}`;
  await rename(path, aside).catch(ignoreMissing);
  const moved = await readHolder(aside);
  if (moved && moved.nonce !== holder?.nonce) {
    await rename(aside, path);
    throw new LockedError(path, `process ${moved.pid} on ${moved.host}`);
  }
  await unlink(aside).catch(ignoreMissing);
}

function isAlive(holder: Holder, ageMs: number): boolean {
  if (holder.host !== hostname()) return ageMs < FOREIGN_LOCK_LIFE_MS;
  try {
    process.kill(holder.pid, 0);
    return true;
  } catch (error) {
    // EPERM: it lives, under another user.
    return errorCode(error) === "EPERM";
  }
}

async function readHolder(path: string): Promise<Holder | undefined> {
  try {
    const holder: Holder = JSON.parse(await readFile(path, "utf8"));
    return typeof holder.pid === "number" && typeof holder.nonce === "string" ? holder : undefined;
  } catch {
    return undefined;
  }
}
