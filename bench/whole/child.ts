import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";

/** What a process said, and the most memory that it held: pages of its own and mapped files that were in memory. */
export interface Ran {
  readonly out: string;
  readonly notes: string;
  readonly peakBytes: number;
}

const LOOK_MS = 20;
const KIB = 1024;

/** Runs a program to its end, looking at its memory meanwhile (Linux; not a number elsewhere). */
export async function run(program: string, args: readonly string[]): Promise<Ran> {
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
  let [out, notes] = ["", ""];
  child.stdout.on("data", (bytes: Buffer) => {
    out += bytes;
  });
  child.stderr.on("data", (bytes: Buffer) => {
    notes += bytes;
  });
  let isOver = false;
  const ended = new Promise<number | null>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => {
      isOver = true;
      resolve(code);
    });
  });
  let peakBytes = Number.NaN;
  while (!isOver) {
    const status = await readFile(`/proc/${child.pid}/status`, "utf8").catch(() => "");
    const found = /VmHWM:\s+(\d+) kB/.exec(status);
    if (found !== null) peakBytes = Number(found[1]) * KIB;
    await Promise.race([ended, sleep(LOOK_MS)]);
  }
  const code = await ended;
  if (code !== 0) throw new Error(`${program} ended with ${code}:\n${notes.slice(-2000)}`);
  return { out, notes, peakBytes };
}
