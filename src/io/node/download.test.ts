import { createHash } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { everySecond, everySecondOf } from "../../../test/e2e/hub/every-second.ts";
import { type Fault, type FaultServer, startFaultServer } from "../../../test/e2e/hub/fault-server.ts";
import { abortInProcess, killRounds } from "../../../test/e2e/hub/kill-rounds.ts";
import { testHttp } from "../../../test/e2e/hub/test-http.ts";
import { AbortedError } from "../../base/errors.ts";
import { seededRandom } from "../../base/random.ts";
import { ChecksumError, DiskSpaceError, LockedError, ServerReplyError } from "../errors.ts";
import type { BlobStore } from "../hub/blob-store.ts";
import { type BlobRequest, downloadBlob } from "../hub/download-blob.ts";
import type { DownloadProgress } from "../hub/progress.ts";
import { folderStore } from "./folder-store.ts";

const random = seededRandom(3);
const FILE = Uint8Array.from({ length: 200_000 }, () => random.below(256));
const HEX = createHash("sha256").update(FILE).digest("hex");
const NONE: Fault = { kind: "none" };

let folder = "";
let store: BlobStore;
let servers: FaultServer[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "minicpmv-download-"));
  store = folderStore(folder);
});
afterEach(async () => {
  for (const server of servers) await server.close();
  servers = [];
  await rm(folder, { recursive: true });
});

async function serve(faults: readonly Fault[] = [], file = FILE): Promise<FaultServer> {
  const server = await startFaultServer({ files: new Map([["/file", file]]), faults: (i) => faults[i] ?? NONE });
  servers.push(server);
  return server;
}

function ask(...mirrors: FaultServer[]): BlobRequest {
  return {
    name: "file",
    key: HEX,
    mirrors: mirrors.map(
      ({ url }) =>
        async () =>
          `${url}/file`,
    ),
    sizeBytes: FILE.length,
    digest: { algorithm: "sha256", hex: HEX },
  };
}

const STALLED: Fault = { kind: "stall", at: 0.5 };

/** Against a server whose first reply stalls half-way: cancels once half of the file has arrived, whatever the machine's speed. */
async function abortHalfway(server: FaultServer, request = ask(server)): Promise<void> {
  const abort = new AbortController();
  const http = testHttp();
  let nowMs = 0;
  // Each look at the clock is 200 ms later, so that every piece is reported.
  const clock = { ...http.clock, nowMs: () => (nowMs += 200) };
  const onProgress = ({ phase, receivedBytes }: DownloadProgress): void => {
    if (phase === "fetch" && receivedBytes === FILE.length / 2) abort.abort();
  };
  const download = downloadBlob({ http: { ...http, clock }, store, signal: abort.signal, onProgress }, request);
  await expect(download).rejects.toBeInstanceOf(AbortedError);
  expect(server.requests).toHaveLength(1);
}

// Starting from zero after every break is why people cannot fetch gigabytes over a train's network.
test("an aborted download goes on where it stopped, and leaves only the finished file", async () => {
  const server = await serve([STALLED]);
  await abortHalfway(server);
  await downloadBlob({ http: testHttp(), store }, ask(server));
  // One request each: a resume at a wrong offset would fail the check and begin anew.
  expect(server.requests).toHaveLength(2);
  expect(server.requests[1]).toMatch(/bytes=100000-199999$/);
  expect(new Uint8Array(await readFile(join(folder, HEX)))).toEqual(FILE);
  expect(await readdir(folder)).toEqual([HEX]);
});

// A power cut may leave zeros where bytes were announced: the resumed sum must notice and the file still end right.
test("a damaged partial file is noticed and fetched anew", async () => {
  const server = await serve([STALLED]);
  await abortHalfway(server);
  const [partial] = (await readdir(folder)).filter((name) => name.endsWith(".incomplete"));
  await writeFile(join(folder, partial), new Uint8Array(50_000));
  await downloadBlob({ http: testHttp(), store }, ask(server));
  expect(new Uint8Array(await readFile(join(folder, HEX)))).toEqual(FILE);
});

test("wrong bytes are refused and nothing of them stays", async () => {
  const server = await serve([{ kind: "wrong byte", at: 0.5 }]);
  await expect(downloadBlob({ http: testHttp(), store }, ask(server))).rejects.toBeInstanceOf(ChecksumError);
  expect(await readdir(folder)).toEqual([]);
});

test("a second mirror takes over in the middle of the file", async () => {
  const broken = await serve([
    { kind: "drop", at: 0.5 },
    ...Array.from({ length: 9 }, (): Fault => ({ kind: "status", status: 503 })),
  ]);
  const good = await serve();
  await downloadBlob({ http: testHttp(), store }, ask(broken, good));
  expect(good.requests).toHaveLength(1);
  expect(good.requests[0]).toMatch(/bytes=[1-9]\d+-/);
  expect(await store.sizeOf(HEX)).toBe(FILE.length);
});

test("a server that lies about the length is refused", async () => {
  const server = await serve([{ kind: "longer total" }]);
  await expect(downloadBlob({ http: testHttp(), store }, ask(server))).rejects.toBeInstanceOf(ServerReplyError);
  expect(await store.sizeOf(HEX)).toBeUndefined();
});

// Two processes appending to one file would interleave.
test("a second fetch of the same file is refused while the first runs, and a dead process's lock is taken over", async () => {
  const partial = await store.openPartial(HEX);
  const server = await serve();
  await expect(downloadBlob({ http: testHttp(), store }, ask(server))).rejects.toBeInstanceOf(LockedError);
  await partial.release();
  // No process has this id: it is above every system's limit.
  const { hostname } = await import("node:os");
  const dead = JSON.stringify({ pid: 2 ** 30, host: hostname(), nonce: "gone" });
  await writeFile(join(folder, `${HEX}.minicpmv.lock`), dead);
  await downloadBlob({ http: testHttp(), store }, ask(server));
  expect(await readdir(folder)).toEqual([HEX]);
});

test("too little free disk is said before the first request", async () => {
  const server = await serve();
  const full = { ...store, freeBytes: async () => 1000 };
  await expect(downloadBlob({ http: testHttp(), store: full }, ask(server))).rejects.toBeInstanceOf(DiskSpaceError);
  expect(server.requests).toEqual([]);
});

test("progress counts up to the size and ends with done", async () => {
  const seen: DownloadProgress[] = [];
  const server = await serve();
  let nowMs = 0;
  const http = testHttp();
  // Each look at the clock is 200 ms later, so that every piece is reported.
  const clock = { ...http.clock, nowMs: () => (nowMs += 200) };
  await downloadBlob({ http: { ...http, clock }, store, onProgress: (event) => seen.push(event) }, ask(server));
  expect(seen.at(-1)).toMatchObject({ phase: "done", receivedBytes: FILE.length, totalBytes: FILE.length });
  const fetches = seen.filter(({ phase }) => phase === "fetch");
  expect(fetches.length).toBeGreaterThan(2);
  expect(fetches.at(-1)?.bytesPerSecond).toBeGreaterThan(0);
  expect(fetches.at(-1)?.secondsLeft).toBe(0);
});

// The published sum covers what arrives, the store has what was made of it: a resume must restore both.
test("a transform's result is right across an abort, and the published sum is still checked", async () => {
  const server = await serve([STALLED]);
  const request = { ...ask(server), key: `${HEX}.half`, transform: everySecond };
  await abortHalfway(server, request);
  await downloadBlob({ http: testHttp(), store }, request);
  expect(server.requests).toHaveLength(2);
  expect(server.requests[1]).toMatch(/bytes=100000-199999$/);
  expect(new Uint8Array(await readFile(join(folder, request.key)))).toEqual(everySecondOf(FILE));
});

// The claim of the whole download: kill it anywhere, the file ends right or the error is clear. test/long/hub.ts does it 200 times.
test("killed 20 times at random offsets against a misbehaving server", { timeout: 60_000 }, async () => {
  const report = await killRounds(20, 1, abortInProcess);
  expect(report.failures, JSON.stringify(report.errors)).toEqual([]);
  expect(report.kills).toBeGreaterThanOrEqual(20);
});
