import { mkdtemp, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { tinyFolder } from "../chat/tiny-model.ts";
import { huggingFaceRoutes } from "../hub/fake-hub.ts";
import { startFaultServer } from "../hub/fault-server.ts";
import { cli } from "./run-cli.ts";

const PAIR = `${tinyFolder("v2.6")}/gguf`;
const PICTURE = `${tinyFolder("v2.6")}/small.png`;
const ASK = ["run", PICTURE, "Read this.", "-m", "tiny/model", "--temp", "0", "-n", "8", "-t", "1"];

async function startHub() {
  const files = await Promise.all(
    ["model-f16.gguf", "mmproj-model-f16.gguf"].map(async (path) => ({
      path,
      bytes: await readFile(`${PAIR}/${path}`),
    })),
  );
  const repo = { repo: "tiny/model", revision: "main", commit: "c".repeat(40), licence: "apache-2.0", files };
  return startFaultServer({ files: huggingFaceRoutes(repo) });
}

// catches an answer that still asks the hub although everything is here, and a pull that leaves something out
test("after a pull, everything works offline with the hub gone", async () => {
  const hub = await startHub();
  const cache = await mkdtemp(join(tmpdir(), "minicpmv-pull-"));
  const env = { HF_ENDPOINT: hub.url, HF_HUB_OFFLINE: "", XDG_CACHE_HOME: cache };
  const pulled = await cli(["pull", "tiny/model"], { env });
  await hub.close();
  expect(pulled.code, pulled.notes).toBe(0);
  expect(pulled.notes).toMatch(/Licence: apache-2\.0/);
  const here = await cli([
    "run",
    PICTURE,
    "Read this.",
    "-m",
    `${PAIR}/model-f16.gguf`,
    "--temp",
    "0",
    "-n",
    "8",
    "-t",
    "1",
  ]);
  expect((await cli([...ASK, "--offline"], { env })).out).toBe(here.out);
  // without the flag too: what is on this disk needs no hub
  expect((await cli(ASK, { env })).out).toBe(here.out);
  expect((await cli(["list"], { env })).out).toMatch(/tiny\/model .*model-f16\.gguf/);
  expect((await cli(["rm", "tiny/model"], { env })).code).toBe(0);
  expect((await cli(ASK, { env: { ...env, HF_HUB_OFFLINE: "1" } })).code).toBe(1);
});

// catches a repacked tower that is fetched again in full, or not found by the model it belongs to
test("a tower repacked while it arrives is smaller and is what the model then runs on", async () => {
  const hub = await startHub();
  const cache = await mkdtemp(join(tmpdir(), "minicpmv-tower-"));
  const env = { HF_ENDPOINT: hub.url, HF_HUB_OFFLINE: "", XDG_CACHE_HOME: cache };
  const { code, notes, out } = await cli(["pull", "tiny/model", "--tower", "q8"], { env });
  await hub.close();
  expect(code, notes).toBe(0);
  expect(notes).toMatch(/Tower in 8 bit: its weights differ by 0\.\d+ %/);
  const tower = out.trim().split("\n").at(-1) ?? "";
  expect((await readFile(tower)).length).toBeLessThan((await readFile(`${PAIR}/mmproj-model-f16.gguf`)).length);
  const answer = await cli([...ASK, "--offline", "--stats"], { env });
  expect(answer.code, answer.notes).toBe(0);
  const shown = await cli(["show", "tiny/model", "--offline"], { env });
  expect(shown.out).toMatch(/Q8_0/);
});
