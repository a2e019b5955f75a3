import { spawn } from "node:child_process";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const PACKAGE = process.env.MINICPMV_PACKAGE;
const MAIN =
  PACKAGE === undefined
    ? fileURLToPath(new URL("../../../src/cli/main.ts", import.meta.url))
    : join(PACKAGE, "dist/cli/main.js");

export interface Finished {
  readonly code: number | null;
  readonly out: string;
  readonly notes: string;
}

export interface CliOptions {
  readonly input?: Uint8Array;
  readonly env?: Readonly<Record<string, string>>;
  /** Sends SIGINT when stdout has this text. */
  readonly interruptAt?: string;
  /** Closes stdout when it has this text, as `head` does. */
  readonly leaveAt?: string;
}

const home = await mkdtemp(join(tmpdir(), "minicpmv-cli-"));

/** Runs the command line as a process of its own, with an empty cache and no network to expect. */
export function cli(args: readonly string[], options: CliOptions = {}): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [MAIN, ...args], {
      env: { PATH: process.env.PATH, XDG_CACHE_HOME: home, HF_HUB_OFFLINE: "1", OLLAMA_MODELS: home, ...options.env },
    });
    let out = "";
    let notes = "";
    let isInterrupted = false;
    child.stdout.on("data", (bytes: Buffer) => {
      out += bytes;
      if (options.interruptAt !== undefined && !isInterrupted && out.includes(options.interruptAt)) {
        isInterrupted = true;
        child.kill("SIGINT");
      }
      if (options.leaveAt !== undefined && out.includes(options.leaveAt)) child.stdout.destroy();
    });
    child.stderr.on("data", (bytes: Buffer) => {
      notes += bytes;
    });
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, out, notes }));
    child.stdin.end(options.input);
  });
}
