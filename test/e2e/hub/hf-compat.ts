/** Holds the shared cache against huggingface_hub itself, in both directions. Run: PYTHON=<python with huggingface_hub> node test/e2e/hub/hf-compat.ts. */
import { strict as assert } from "node:assert";
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { InspectGguf } from "../../../src/io/hub/pick-files.ts";
import { listCachedRepos } from "../../../src/io/node/cached-repos.ts";
import { readHubEnvironment } from "../../../src/io/node/hub-environment.ts";
import { type PulledModel, pullModel } from "../../../src/io/node/pull-model.ts";
import { type FakeFile, fakeGguf, huggingFaceRoutes, sha256 } from "./fake-hub.ts";
import { startFaultServer } from "./fault-server.ts";

const COMMIT = "c".repeat(40);
const REPO = "openbmb/tiny-gguf";
const FILES: FakeFile[] = [
  { path: "tiny-Q4_K_M.gguf", bytes: fakeGguf("qwen2", 60_000) },
  { path: "sub/eyes.gguf", bytes: fakeGguf("clip", 40_000) },
  { path: "config.json", bytes: new TextEncoder().encode("{}"), isLarge: false },
];

const routes = huggingFaceRoutes({ repo: REPO, revision: "main", commit: COMMIT, files: FILES });
for (const { path, bytes } of FILES) routes.set(`/${REPO}/resolve/main/${path}`, bytes);

/** huggingface_hub learns commit, name in the cache and size from these. */
function hubHeaders(path: string): Record<string, string> {
  const file = FILES.find((one) => path.includes("/resolve/") && path.endsWith(`/${one.path}`));
  if (!file) return {};
  const { bytes, isLarge = true } = file;
  const git = createHash("sha1").update(`blob ${bytes.length}\0`).update(bytes).digest("hex");
  return { "x-repo-commit": COMMIT, etag: `"${isLarge ? sha256(bytes) : git}"` };
}

const inspect: InspectGguf = async (source) => {
  const [architecture] = new TextDecoder().decode(await source.read(0, 16)).split("\n");
  return { architecture };
};

const server = await startFaultServer({ files: routes, headersFor: hubHeaders });
const root = await mkdtemp(join(tmpdir(), "minicpmv-compat-"));

async function python(
  home: string,
  isOffline: boolean,
): Promise<{ paths: string[]; bytes: number; warnings: number; version: string }> {
  const code = `
import json, huggingface_hub as h
paths = [h.hf_hub_download("${REPO}", name) for name in ["tiny-Q4_K_M.gguf", "sub/eyes.gguf"]]
info = h.scan_cache_dir()
print(json.dumps({"paths": paths, "bytes": info.size_on_disk, "warnings": len(info.warnings), "version": h.__version__}))`;
  const flags = {
    HF_HOME: home,
    HF_ENDPOINT: server.url,
    HF_HUB_OFFLINE: isOffline ? "1" : "0",
    HF_HUB_DISABLE_XET: "1",
  };
  const run = promisify(execFile);
  const { stdout } = await run(process.env.PYTHON ?? "python3", ["-c", code], { env: { ...process.env, ...flags } });
  return JSON.parse(stdout);
}

async function ours(home: string, isOffline = false): Promise<PulledModel> {
  const environment = await readHubEnvironment({ HF_HOME: home, HF_ENDPOINT: server.url });
  return pullModel(REPO, { environment, inspect, isOffline });
}

function pathsOf({ files }: PulledModel): string[] {
  return files.kind === "gguf" && files.projector ? [...files.language, files.projector] : [];
}

try {
  const written = await ours(join(root, "ours"));
  const read = await python(join(root, "ours"), true);
  assert.deepEqual(read.paths, pathsOf(written), "huggingface_hub finds offline what we fetched");
  assert.deepEqual([read.bytes, read.warnings], [100_000, 0], "huggingface_hub finds the cache in order");
  const [listed] = await listCachedRepos(join(root, "ours", "hub"));
  assert.equal(listed.sizeBytes, read.bytes);

  const theirs = await python(join(root, "theirs"), false);
  const before = server.requests.length;
  assert.deepEqual(pathsOf(await ours(join(root, "theirs"))), theirs.paths, "we find what huggingface_hub fetched");
  const fetched = server.requests.slice(before).filter((line) => line.includes("/resolve/"));
  assert.deepEqual(fetched, [], "and fetch none of it again");
  assert.deepEqual(pathsOf(await ours(join(root, "theirs"), true)), theirs.paths);
  assert.equal(
    await realpath(theirs.paths[0]),
    join(root, "theirs", "hub", "models--openbmb--tiny-gguf", "blobs", sha256(FILES[0].bytes)),
  );
  console.log(`the cache is shared with huggingface_hub ${theirs.version}, both ways`);
} finally {
  await server.close();
  await rm(root, { recursive: true });
}
