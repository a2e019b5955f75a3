import { spawn, spawnSync } from "node:child_process";

/** Why this machine cannot run a process without any network; undefined when it can. */
export function noNamespaceReason(): string | undefined {
  if (process.platform !== "linux") return `network namespaces are a Linux feature, this is ${process.platform}`;
  const { status, error, stderr } = spawnSync("unshare", ["-rn", "true"], { encoding: "utf8" });
  if (status === 0) return undefined;
  return `unshare -rn does not work here: ${error?.message ?? stderr.trim()}`;
}

export interface ProcessResult {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs this Node with `args` where no network exists, not even loopback. Unlike `assertNoNetwork` it covers worker threads, native code and children,
 * and unlike it, it cannot say what was tried.
 */
export function runWithoutNetwork(
  args: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): Promise<ProcessResult> {
  const child = spawn("unshare", ["-rn", process.execPath, ...args], { env, stdio: ["ignore", "pipe", "pipe"] });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (data: Buffer) => {
    stdout += data;
  });
  child.stderr.on("data", (data: Buffer) => {
    stderr += data;
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (status) => resolve({ status, stdout, stderr }));
  });
}
