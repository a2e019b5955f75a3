import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { cli } from "../cli/run-cli.ts";
import { huggingFaceRoutes } from "../hub/fake-hub.ts";
import { startFaultServer } from "../hub/fault-server.ts";
import { noNamespaceReason, runWithoutNetwork } from "../hub/network-namespace.ts";
import { tinyFolder } from "./tiny-model.ts";

const MAIN = fileURLToPath(new URL("../../../src/cli/main.ts", import.meta.url));
const PAIR = `${tinyFolder()}/gguf`;
const ASK = ["run", `${tinyFolder()}/small.png`, "Read this.", "--temp", "0", "-n", "8", "-t", "2"];
const reason = noNamespaceReason();
const alone = test.skipIf(reason !== undefined);
const note = reason === undefined ? "" : ` (${reason})`;

// catches a thread or child that reaches out, which refusing sockets in one thread cannot see; the model file is local
alone(`an answer is the same where no network exists at all${note}`, async () => {
  const args = [...ASK, "-m", `${PAIR}/model-f16.gguf`];
  const { status, stdout, stderr } = await runWithoutNetwork([MAIN, ...args]);
  expect(status, stderr).toBe(0);
  const here = await cli(args);
  expect(here.out).not.toBe("");
  expect(stdout).toBe(here.out);
});

// catches a pulled model that still needs its hub to be opened
alone(`a pulled model answers with --offline where no network exists${note}`, async () => {
  const names = ["model-f16.gguf", "mmproj-model-f16.gguf"];
  const files = await Promise.all(names.map(async (path) => ({ path, bytes: await readFile(`${PAIR}/${path}`) })));
  const repo = { repo: "tiny/model", revision: "main", commit: "c".repeat(40), licence: "apache-2.0", files };
  const hub = await startFaultServer({ files: huggingFaceRoutes(repo) });
  const cache = await mkdtemp(join(tmpdir(), "minicpmv-offline-"));
  const env = { HF_ENDPOINT: hub.url, HF_HUB_OFFLINE: "", XDG_CACHE_HOME: cache };
  try {
    const pulled = await cli(["pull", "tiny/model"], { env });
    expect(pulled.code, pulled.notes).toBe(0);
    const args = [...ASK, "-m", "tiny/model", "--offline"];
    const { status, stdout, stderr } = await runWithoutNetwork([MAIN, ...args], { PATH: process.env.PATH, ...env });
    expect(status, stderr).toBe(0);
    expect(stdout).toBe((await cli([...ASK, "-m", `${PAIR}/model-f16.gguf`])).out);
  } finally {
    await hub.close();
    await rm(cache, { recursive: true });
  }
});
