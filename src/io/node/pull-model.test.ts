import { lstat, mkdtemp, readdir, readFile, readlink, rm, unlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import {
  type FakeRepo,
  fakeGguf,
  huggingFaceRoutes,
  modelScopeRoutes,
  sha256,
} from "../../../test/e2e/hub/fake-hub.ts";
import { type Fault, type FaultServer, startFaultServer } from "../../../test/e2e/hub/fault-server.ts";
import { testHttp } from "../../../test/e2e/hub/test-http.ts";
import { HubError, OfflineError, ServerReplyError } from "../errors.ts";
import { huggingFaceHub } from "../hub/hugging-face.ts";
import { modelScopeHub } from "../hub/model-scope.ts";
import type { InspectGguf } from "../hub/pick-files.ts";
import type { StreamTransform } from "../hub/sink.ts";
import { listCachedRepos, removeCachedRepo } from "./cached-repos.ts";
import { removeDerivedFiles } from "./derived-files.ts";
import { type HubEnvironment, readHubEnvironment } from "./hub-environment.ts";
import { assertNoNetwork } from "./no-network.ts";
import { type PulledModel, type PullOptions, pullModel } from "./pull-model.ts";

// The tower's name says nothing and a text model's name lies: only headers can tell them apart.
const REPO: FakeRepo = {
  repo: "openbmb/tiny-gguf",
  revision: "main",
  commit: "c".repeat(40),
  licence: "apache-2.0",
  files: [
    { path: "README.md", bytes: new TextEncoder().encode("# card"), isLarge: false },
    { path: "tiny-Q4_K_M.gguf", bytes: fakeGguf("qwen2", 60_000) },
    { path: "tiny-Q8_0.gguf", bytes: fakeGguf("qwen2", 90_000) },
    { path: "draft-f16.gguf", bytes: fakeGguf("llama", 3000) },
    { path: "eyes.gguf", bytes: fakeGguf("clip", 40_000) },
  ],
};

const inspect: InspectGguf = async (source) => {
  const text = new TextDecoder().decode(await source.read(0, 16));
  return { architecture: text.slice(0, text.indexOf("\n")) };
};

let folder = "";
let environment: HubEnvironment;
const servers: FaultServer[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "minicpmv-hub-"));
});
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
  await rm(folder, { recursive: true });
});

async function hub(repo = REPO, faults?: (i: number, path: string) => Fault): Promise<FaultServer> {
  const server = await startFaultServer({ files: huggingFaceRoutes(repo), faults });
  servers.push(server);
  const env = {
    HF_HUB_CACHE: join(folder, "hub"),
    HF_ENDPOINT: server.url,
    MINICPMV_CACHE: join(folder, "own"),
    HF_TOKEN: "hf_secret",
  };
  environment = await readHubEnvironment(env, testHttp());
  return server;
}

function pull(where: string, more: Partial<PullOptions> = {}): Promise<PulledModel> {
  const hubs = [huggingFaceHub(environment.http, environment.endpoint)];
  return pullModel(where, { environment, inspect, hubs, ...more });
}

function names(model: PulledModel): (string | undefined)[] {
  if (model.files.kind !== "gguf") return model.files.files.map((path) => basename(path));
  const { language, projector } = model.files;
  return [...language, projector].map((path) => path && basename(path));
}

test("pull finds the language model by quantisation and the tower by its header", async () => {
  const server = await hub();
  const model = await pull("openbmb/tiny-gguf");
  expect(names(model)).toEqual(["tiny-Q4_K_M.gguf", "eyes.gguf"]);
  expect(model).toMatchObject({ commit: REPO.commit, licence: { id: "apache-2.0" } });
  expect(names(await pull("openbmb/tiny-gguf:q8_0"))).toEqual(["tiny-Q8_0.gguf", "eyes.gguf"]);
  expect(names(await pull("openbmb/tiny-gguf:draft-f16.gguf"))).toEqual(["draft-f16.gguf", "eyes.gguf"]);
  expect(server.headersSeen.every((headers) => headers.authorization === "Bearer hf_secret")).toBe(true);
});

// huggingface_hub, llama.cpp and others read this folder: any other layout means fetching gigabytes twice.
test("the cache has the shared layout", async () => {
  await hub();
  await pull("openbmb/tiny-gguf");
  const root = join(folder, "hub", "models--openbmb--tiny-gguf");
  const key = sha256(REPO.files[1].bytes);
  expect(await readFile(join(root, "refs", "main"), "utf8")).toBe(REPO.commit);
  const link = join(root, "snapshots", REPO.commit, "tiny-Q4_K_M.gguf");
  expect((await lstat(link)).isSymbolicLink()).toBe(true);
  expect(await readlink(link)).toBe(`../../blobs/${key}`);
  expect(sha256(await readFile(link))).toBe(key);
});

test("a second pull fetches nothing but the listing, and an offline one not even that", async () => {
  const server = await hub();
  const first = await pull("openbmb/tiny-gguf");
  const before = server.requests.length;
  expect(await pull("openbmb/tiny-gguf")).toEqual(first);
  const fileRequests = server.requests.slice(before).filter((line) => line.includes("/resolve/tiny"));
  expect(fileRequests).toEqual([]);
  // S23: after a pull, nothing leaves the machine.
  const offline = await assertNoNetwork(() => pull("openbmb/tiny-gguf", { isOffline: true }));
  expect(offline.files).toEqual(first.files);
});

test("offline without the model, and with a part of it removed, is an OfflineError", async () => {
  await hub();
  await expect(pull("openbmb/tiny-gguf", { isOffline: true })).rejects.toBeInstanceOf(OfflineError);
  await pull("openbmb/tiny-gguf");
  const blob = join(folder, "hub", "models--openbmb--tiny-gguf", "blobs", sha256(REPO.files[1].bytes));
  await unlink(blob);
  await expect(pull("openbmb/tiny-gguf", { isOffline: true })).rejects.toBeInstanceOf(OfflineError);
});

test("without a network, a model that is here already is used", async () => {
  const server = await hub();
  const first = await pull("openbmb/tiny-gguf");
  await server.close();
  expect((await pull("openbmb/tiny-gguf")).files).toEqual(first.files);
});

test("the plan comes before the first byte of a model, and throwing there stops", async () => {
  await hub();
  const refuse = (): never => {
    throw new HubError("The licence was declined.", "Accept it to go on.");
  };
  await expect(pull("openbmb/tiny-gguf", { onPlan: refuse })).rejects.toThrow("declined");
  expect(await listCachedRepos(join(folder, "hub"))).toEqual([]);
  const plans: number[] = [];
  const onPlan: PullOptions["onPlan"] = ({ missingBytes }) => void plans.push(missingBytes);
  await pull("openbmb/tiny-gguf", { onPlan });
  await pull("openbmb/tiny-gguf", { onPlan });
  expect(plans).toEqual([100_000, 0]);
});

// A blocked huggingface.co is the everyday case in some countries.
test("ModelScope takes over when the hub does not answer, and in the middle of a file", async () => {
  const other = await startFaultServer({ files: modelScopeRoutes({ ...REPO, repo: "OpenBMB/tiny-gguf" }) });
  servers.push(other);
  let isDead = false;
  const refused: Fault = { kind: "status", status: 503 };
  await hub(REPO, (_, path) => (isDead || path.endsWith("Q8_0.gguf") ? refused : { kind: "none" }));
  const { http, endpoint } = environment;
  const hubs = [huggingFaceHub(http, endpoint), modelScopeHub(http, other.url)];
  expect(names(await pull("openbmb/tiny-gguf:Q8_0", { hubs }))).toEqual(["tiny-Q8_0.gguf", "eyes.gguf"]);
  isDead = true;
  const model = await pull("openbmb/tiny-gguf", { hubs });
  expect(model.licence).toEqual({ id: "apache-2.0" });
  expect(names(model)).toEqual(["tiny-Q4_K_M.gguf", "eyes.gguf"]);
  // The token is for the hub it was made for.
  expect(other.headersSeen.every((headers) => headers.authorization === undefined)).toBe(true);
});

test("a quantisation that is not there is answered with what is", async () => {
  await hub();
  await expect(pull("openbmb/tiny-gguf:Q2_K")).rejects.toThrow(/tiny-Q8_0\.gguf/);
});

test("safetensors repositories come with their small files, verified by git's sum", async () => {
  const config = new TextEncoder().encode('{"a":1}');
  const files = [
    { path: "model-00001-of-00001.safetensors", bytes: fakeGguf("x", 9000) },
    { path: "config.json", bytes: config, isLarge: false },
    { path: "onnx/model.onnx", bytes: fakeGguf("y", 10) },
  ];
  await hub({ ...REPO, files });
  expect(names(await pull("openbmb/tiny-gguf"))).toEqual(["model-00001-of-00001.safetensors", "config.json"]);
});

// A listing is the server's word: a path in it must not choose where we write.
test("a path that leads out of the repository is refused", async () => {
  await hub({ ...REPO, files: [{ path: "../../evil.gguf", bytes: fakeGguf("qwen2", 100) }] });
  await expect(pull("openbmb/tiny-gguf")).rejects.toBeInstanceOf(ServerReplyError);
});

const invert: StreamTransform = {
  name: "inverted",
  create: () => ({ push: (chunk) => chunk.map((byte) => byte ^ 255), finish: () => new Uint8Array(0), save: () => "" }),
  resume: () => invert.create(),
};

// Rewritten bytes in the shared cache would be taken for the published ones by every other tool.
test("a rewritten tower lies outside the shared cache and is found offline", async () => {
  await hub();
  const transform = ({ path }: { path: string }): StreamTransform | undefined =>
    path === "eyes.gguf" ? invert : undefined;
  const model = await pull("openbmb/tiny-gguf", { transform });
  const projector = model.files.kind === "gguf" ? model.files.projector : undefined;
  expect(projector?.startsWith(join(folder, "own"))).toBe(true);
  expect(await readFile(projector ?? "")).toEqual(Buffer.from(REPO.files[4].bytes.map((byte) => byte ^ 255)));
  const plain: InspectGguf = async (source) => (source.name === projector ? { architecture: "clip" } : inspect(source));
  const offline = await pull("openbmb/tiny-gguf", { isOffline: true, inspect: plain });
  expect(offline.files).toEqual(model.files);
  expect(await removeDerivedFiles(join(folder, "own"), "openbmb/tiny-gguf")).toBe(40_000);
  expect(await readdir(join(folder, "own"))).toEqual([]);
});

// The branch moves, one quantisation is pulled anew, the other is still the old one's: offline both must run.
test("offline, a quantisation of an older commit is still found", async () => {
  await hub();
  await pull("openbmb/tiny-gguf:Q8_0");
  await hub({ ...REPO, commit: "d".repeat(40) });
  await pull("openbmb/tiny-gguf:Q4_K_M");
  const old = await pull("openbmb/tiny-gguf:Q8_0", { isOffline: true });
  expect(old.commit).toBe(REPO.commit);
  expect((await pull("openbmb/tiny-gguf", { isOffline: true })).commit).toBe("d".repeat(40));
  const pinned = `openbmb/tiny-gguf:Q8_0@${"d".repeat(40)}`;
  await expect(pull(pinned, { isOffline: true })).rejects.toBeInstanceOf(OfflineError);
});

test("list and rm: sizes, revisions, and nothing left", async () => {
  await hub();
  await pull("openbmb/tiny-gguf");
  const cache = join(folder, "hub");
  await writeFile(join(cache, "models--openbmb--tiny-gguf", "blobs", "x.incomplete"), new Uint8Array(500));
  const [repo, ...others] = await listCachedRepos(cache);
  expect(others).toEqual([]);
  expect(repo).toMatchObject({ repo: "openbmb/tiny-gguf", sizeBytes: 100_500, unfinishedBytes: 500 });
  expect(repo.revisions).toMatchObject([{ commit: REPO.commit, refs: ["main"] }]);
  expect(await removeCachedRepo(cache, "openbmb/tiny-gguf")).toBe(100_500);
  expect(await listCachedRepos(cache)).toEqual([]);
  expect(await removeCachedRepo(cache, "openbmb/tiny-gguf")).toBeUndefined();
});
