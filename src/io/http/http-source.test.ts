import { afterEach, expect, test } from "vitest";
import { type Fault, type FaultServer, startFaultServer } from "../../../test/e2e/hub/fault-server.ts";
import { testClock, testHttp } from "../../../test/e2e/hub/test-http.ts";
import { AbortedError, DisposedError } from "../../base/errors.ts";
import { seededRandom } from "../../base/random.ts";
import { HttpError, NetworkError, RangeReadError, ServerReplyError } from "../errors.ts";
import { openHttpSource } from "./http-source.ts";

const random = seededRandom(11);
const FILE = Uint8Array.from({ length: 50_000 }, () => random.below(256));

let server: FaultServer | undefined;
afterEach(async () => {
  await server?.close();
  server = undefined;
});

async function serve(faults: readonly Fault[] = [], file = FILE): Promise<string> {
  server = await startFaultServer({
    files: new Map([["/file", file]]),
    faults: (index) => faults[index] ?? { kind: "none" },
  });
  return `${server.url}/file`;
}

const NONE: Fault = { kind: "none" };

// Off-by-one in inclusive Range ends shows at the first byte, the last byte and in the middle.
test("ranges equal slices of the file", async () => {
  const source = await openHttpSource(await serve(), testHttp());
  expect(source.sizeBytes).toBe(FILE.length);
  for (const [offset, length] of [
    [0, 1],
    [0, 50_000],
    [49_999, 1],
    [12_345, 6789],
    [777, 0],
  ]) {
    expect(await source.read(offset, length), `${offset}+${length}`).toEqual(FILE.slice(offset, offset + length));
  }
});

// A retry that begins at the range's start again would repeat bytes in the middle of a tensor.
test("a dropped or stalled connection goes on where it broke", async () => {
  const url = await serve([
    NONE,
    { kind: "drop", at: 0.4 },
    { kind: "stall", at: 0.5 },
    { kind: "status", status: 503 },
  ]);
  const source = await openHttpSource(url, testHttp({ idleTimeoutMs: 100 }));
  expect(await source.read(1000, 40_000)).toEqual(FILE.slice(1000, 41_000));
  expect(server?.requests.length).toBe(5);
});

// Taking a 200 body for the range would return the file's head as tensor bytes.
test("a server that ignores ranges still gives the right bytes", async () => {
  const url = await serve([NONE, { kind: "ignore range" }]);
  const source = await openHttpSource(url, testHttp());
  expect(await source.read(30_000, 100)).toEqual(FILE.slice(30_000, 30_100));
});

test("a reply for another range or another file is refused", async () => {
  for (const kind of ["wrong range", "longer total", "shorter total"] as const) {
    const url = await serve([NONE, { kind }]);
    const source = await openHttpSource(url, testHttp());
    await expect(source.read(0, 100), kind).rejects.toBeInstanceOf(ServerReplyError);
    await server?.close();
  }
});

// Each status must reach the reader as a sentence that says what to do.
test.each([
  [401, "HF_TOKEN"],
  [403, "accept their terms"],
  [404, "Check owner"],
  [416, "download anew"],
  [429, "Wait and start again"],
  [503, "mirror"],
])("status %i is explained", async (status, words) => {
  const always: Fault = { kind: "status", status };
  const url = await serve(Array.from({ length: 20 }, () => always));
  const error = await openHttpSource(url, testHttp()).catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(HttpError);
  expect(error).toMatchObject({ status, message: expect.stringContaining(words) });
});

// A budget that does not end would hang for ever on a dead server.
test("gives up after a bounded number of tries, with growing waits", async () => {
  const always: Fault = { kind: "status", status: 503 };
  const clock = testClock();
  const url = await serve(Array.from({ length: 20 }, () => always));
  await expect(openHttpSource(url, testHttp({ clock }))).rejects.toBeInstanceOf(HttpError);
  expect(clock.waitsMs).toEqual([500, 1000, 2000, 4000]);
});

test("a server's Retry-After is obeyed when short and reported when long", async () => {
  const clock = testClock();
  const url = await serve([{ kind: "status", status: 429, retryAfter: "7" }]);
  await openHttpSource(url, testHttp({ clock }));
  expect(clock.waitsMs).toEqual([7000]);
  await server?.close();
  const patient = await serve([{ kind: "status", status: 429, retryAfter: "3600" }]);
  await expect(openHttpSource(patient, testHttp())).rejects.toThrow("come back in 3600 s");
});

test("a port nobody listens on is a NetworkError that names the reason", async () => {
  const url = await serve();
  await server?.close();
  await expect(openHttpSource(url, testHttp())).rejects.toThrow(/ECONNREFUSED/);
  await expect(openHttpSource(url, testHttp())).rejects.toBeInstanceOf(NetworkError);
});

test("beyond the end, after close and after abort: typed errors without a request", async () => {
  const source = await openHttpSource(await serve(), testHttp());
  const before = server?.requests.length;
  await expect(source.read(49_999, 2)).rejects.toBeInstanceOf(RangeReadError);
  await expect(source.read(0, 10, AbortSignal.abort())).rejects.toBeInstanceOf(AbortedError);
  await source.close();
  await expect(source.read(0, 10)).rejects.toBeInstanceOf(DisposedError);
  expect(server?.requests.length).toBe(before);
});

// An empty file has no first byte, so the size request is answered with 416.
test("an empty file opens and reads as nothing", async () => {
  const source = await openHttpSource(await serve([], new Uint8Array(0)), testHttp());
  expect(source.sizeBytes).toBe(0);
  expect(await source.read(0, 0)).toEqual(new Uint8Array(0));
});

// A signed address or a proxy password in a log is a leak.
test("messages hide queries and passwords", () => {
  const error = new HttpError("https://user:secret@host/file?X-Signature=abc", 403);
  expect(error.message).not.toMatch(/secret|X-Signature/);
});
