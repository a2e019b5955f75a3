/** Kills 200 downloads, half of them by SIGKILL, against a misbehaving local server. Run: node test/long/hub.ts [kills] [seed]. */
import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { MiniCpmError } from "../../src/base/errors.ts";
import { abortInProcess, type KillRun, killRounds } from "../e2e/hub/kill-rounds.ts";

const FETCHER = fileURLToPath(new URL("../e2e/hub/fetch-in-child.ts", import.meta.url));

const killCount = Number(process.argv[2] ?? 200);
const seed = Number(process.argv[3] ?? 20261122);

const inProcess = await killRounds(Math.ceil(killCount / 2), seed, abortInProcess);
const inChild = await killRounds(Math.floor(killCount / 2), seed + 1, killChild);
console.log(JSON.stringify({ inProcess, inChild }, null, 2));
if (inProcess.failures.length + inChild.failures.length > 0) process.exitCode = 1;

/** Runs the fetch in a process of its own and kills it without warning. */
function killChild({ server, folder, request, idleTimeoutMs, killAfterBytes }: KillRun): Promise<unknown> {
  const { mirrors: _mirrors, transform, ...plain } = request;
  const job = { url: `${server.url}/file`, folder, idleTimeoutMs, isTransformed: transform !== undefined, ...plain };
  const child = fork(FETCHER, [JSON.stringify(job)], { stdio: "inherit" });
  let startBytes: number | undefined;
  server.onSent = (bytes) => {
    startBytes ??= bytes;
    if (bytes - startBytes >= killAfterBytes) child.kill("SIGKILL");
  };
  return new Promise((resolve) => {
    let error: unknown;
    child.on("message", (message: { code: string; text: string }) => {
      error = message.code === "untyped" ? new Error(message.text) : new MiniCpmError(message.code, message.text, "");
    });
    child.on("close", (_code, signal) => resolve(signal ? new MiniCpmError("SIGKILL", "killed", "") : error));
  });
}
