import { afterEach, beforeEach, expect, test } from "vitest";
import { fakeGguf, sha256 } from "../../../test/e2e/hub/fake-hub.ts";
import { FakeFolder } from "../../../test/e2e/hub/fake-opfs.ts";
import { type Fault, type FaultServer, startFaultServer } from "../../../test/e2e/hub/fault-server.ts";
import { testHttp } from "../../../test/e2e/hub/test-http.ts";
import { AbortedError } from "../../base/errors.ts";
import { DiskSpaceError, LockedError, OfflineError } from "../errors.ts";
import type { InspectGguf } from "../hub/pick-files.ts";
import { staticHub } from "../hub/static-hub.ts";
import { opfsStore } from "./opfs-store.ts";
import {
  listStoredModels,
  pullModelToStorage,
  removeStoredModel,
  type StoredModel,
  type WebPullOptions,
  type WebStorage,
} from "./pull-model.ts";

const LANGUAGE = fakeGguf("qwen2", 150_000);
const TOWER = fakeGguf("clip", 50_000);
const KEY = sha256(LANGUAGE);

const inspect: InspectGguf = async (source) => {
  const text = new TextDecoder().decode(await source.read(0, 16));
  return { architecture: text.slice(0, text.indexOf("\n")) };
};

let blobFolder: FakeFolder;
let storage: WebStorage;
let server: FaultServer;
let faults: Fault[] = [];

beforeEach(async () => {
  blobFolder = new FakeFolder();
  storage = { blobs: opfsStore(blobFolder, { freeBytes: async () => 10 ** 9 }), notes: new FakeFolder() };
  faults = [];
  const files = [
    { path: "m-Q4_K_M.gguf", bytes: LANGUAGE },
    { path: "eyes.gguf", bytes: TOWER },
  ];
  const list = files.map(({ path, bytes }) => ({ path, sizeBytes: bytes.length, sha256: sha256(bytes) }));
  const json = new TextEncoder().encode(JSON.stringify({ commit: "v1", licence: "mit", files: list }));
  const routes = new Map(files.map(({ path, bytes }): [string, Uint8Array] => [`/m/${path}`, bytes]));
  server = await startFaultServer({
    files: routes.set("/m/model.json", json),
    faults: (index) => faults[index] ?? { kind: "none" },
  });
});
afterEach(() => server.close());

function pull(more: Partial<WebPullOptions> = {}): Promise<StoredModel> {
  const http = testHttp({ idleTimeoutMs: 200 });
  return pullModelToStorage("own/m", {
    storage,
    http,
    hubs: [staticHub(http, `${server.url}/m/model.json`)],
    inspect,
    ...more,
  });
}

test("a pulled model opens from storage, and again offline without a request", async () => {
  const model = await pull();
  expect(model.licence).toEqual({ id: "mit" });
  if (model.files.kind !== "gguf") throw new Error("a GGUF model was expected");
  const source = await storage.blobs.open(model.files.language[0].key);
  expect(await source.read(1000, 5000)).toEqual(LANGUAGE.slice(1000, 6000));
  expect(model.files.projector?.path).toBe("eyes.gguf");
  const before = server.requests.length;
  expect(await pull({ isOffline: true })).toEqual(model);
  expect(server.requests.length).toBe(before);
});

// A tab may die at any byte: what is there must be taken up, and must not be taken for the whole.
test("an interrupted fetch is no model, and goes on where it stopped", async () => {
  const abort = new AbortController();
  // The headers of both files come first, whole since they are small.
  const onPlan = (): void => {
    let start: number | undefined;
    server.onSent = (bytes) => {
      start ??= bytes;
      if (bytes - start > 60_000) abort.abort();
    };
  };
  await expect(pull({ signal: abort.signal, onPlan })).rejects.toBeInstanceOf(AbortedError);
  server.onSent = undefined;
  expect(await storage.blobs.sizeOf(KEY)).toBeUndefined();
  expect(await listStoredModels(storage)).toEqual([]);
  await expect(pull({ isOffline: true })).rejects.toBeInstanceOf(OfflineError);
  const before = server.requests.length;
  await pull();
  expect(server.requests.slice(before).some((line) => /Q4_K_M\.gguf bytes=[1-9]/.test(line))).toBe(true);
  expect(blobFolder.files.get(KEY)?.bytes).toEqual(LANGUAGE);
});

test("two tabs, a full quota and a cleared file: typed errors and no wrong model", async () => {
  const partial = await storage.blobs.openPartial(KEY);
  await expect(pull()).rejects.toBeInstanceOf(LockedError);
  await partial.release();
  blobFolder.quotaBytes = 100_000;
  await expect(pull()).rejects.toBeInstanceOf(DiskSpaceError);
  blobFolder.quotaBytes = Infinity;
  await pull();
  blobFolder.files.get(KEY)?.truncate(10);
  await expect(pull({ isOffline: true })).rejects.toBeInstanceOf(OfflineError);
  await pull();
  expect(blobFolder.files.get(KEY)?.bytes).toEqual(LANGUAGE);
});

test("removing a model removes its bytes", async () => {
  const model = await pull();
  expect(await listStoredModels(storage)).toEqual([model]);
  await removeStoredModel(storage, model);
  expect(await listStoredModels(storage)).toEqual([]);
  expect([...blobFolder.files.keys()]).toEqual([]);
});
