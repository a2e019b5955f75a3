import { fork } from "node:child_process";
import { mkdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as after } from "node:timers/promises";
import type { Random } from "../../base/random.ts";

const CHILD = join(import.meta.dirname, "train-child.ts");

/** Trains in a child until it ends by itself, or is killed `killAfterMs` after its first step; true where it ended. */
async function sitting(folder: string, kind: string, killAfterMs: number | undefined): Promise<boolean> {
  const child = fork(CHILD, [folder, kind], { stdio: ["ignore", "inherit", "inherit", "ipc"] });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.on("exit", (code) => resolve(code));
    child.on("error", reject);
  });
  if (killAfterMs !== undefined) {
    child.once("message", () => {
      void after(killAfterMs).then(() => child.kill("SIGKILL")); // the exit below is what is waited for
    });
  }
  const code = await ended;
  if (code !== 0 && code !== null) throw new Error(`The training process ended with code ${code}.`);
  return code === 0;
}

/** What a run left behind. */
export interface TrainedFiles {
  readonly weights: Buffer;
  /** Times that a process was killed before it could end. */
  readonly kills: number;
}

/** Trains a folder to its end, killing the process at random moments until `kills` have struck. */
export async function trainThroughKills(
  folder: string,
  {
    kind,
    kills,
    random,
    longestMs,
  }: {
    readonly kind: "onnx" | "wasm";
    readonly kills: number;
    readonly random: Random;
    readonly longestMs: number;
  },
): Promise<TrainedFiles> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  let struck = 0;
  for (;;) {
    const isComplete = await sitting(folder, kind, struck < kills ? random.next() * longestMs : undefined);
    if (isComplete) break;
    struck++;
  }
  const { folder: slot } = JSON.parse(await readFile(join(folder, "progress.json"), "utf8"));
  return { weights: await readFile(join(folder, slot, "model.safetensors")), kills: struck };
}
