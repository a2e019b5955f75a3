import { mkdtemp, open, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { AbortedError, ArgumentError, DisposedError } from "../../base/errors.ts";
import { seededRandom } from "../../base/random.ts";
import { cachedSource } from "../cached-source.ts";
import { FileError, RangeReadError } from "../errors.ts";
import { memorySource } from "../memory-source.ts";
import { blobSource } from "../web/blob-source.ts";
import { openFileSource } from "./file-source.ts";
import { openSource } from "./open-source.ts";

const random = seededRandom(5);
const BYTES = Uint8Array.from({ length: 5000 }, () => random.below(256));
let folder = "";

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "minicpmv-io-"));
  await writeFile(join(folder, "file"), BYTES);
});
afterAll(() => rm(folder, { recursive: true }));

// Every kind of source must keep the same contract, or a checkpoint loads from disk and not from a Blob.
test.each(["file", "memory", "blob", "cached"])("%s source: ranges, ends, abort and close", async (kind) => {
  const source =
    kind === "file"
      ? await openFileSource(join(folder, "file"))
      : kind === "memory"
        ? memorySource(BYTES)
        : kind === "blob"
          ? blobSource(new Blob([BYTES]))
          : cachedSource(memorySource(BYTES), { blockBytes: 64, blockCount: 3 });
  expect(source.sizeBytes).toBe(5000);
  for (let i = 0; i < 50; i++) {
    const offset = random.below(5000);
    const length = random.below(5000 - offset + 1);
    expect(await source.read(offset, length), `${offset}+${length}`).toEqual(BYTES.slice(offset, offset + length));
  }
  await expect(source.read(4999, 2)).rejects.toBeInstanceOf(RangeReadError);
  await expect(source.read(-1, 2)).rejects.toBeInstanceOf(ArgumentError);
  await expect(source.read(0.5, 2)).rejects.toBeInstanceOf(ArgumentError);
  // A header that claims 2^60 bytes must be refused before anything is allocated.
  await expect(source.read(0, 2 ** 52)).rejects.toBeInstanceOf(RangeReadError);
  await expect(source.read(100, 4500, AbortSignal.abort())).rejects.toBeInstanceOf(AbortedError);
  await source.close();
  await expect(source.read(0, 4000)).rejects.toBeInstanceOf(DisposedError);
});

// A caller that keeps or transfers what it read must not change what the next one reads.
test("a read gives bytes of its own", async () => {
  for (const source of [memorySource(BYTES), cachedSource(memorySource(BYTES))]) {
    const first = await source.read(0, 4);
    first.fill(0);
    expect(await source.read(0, 4)).toEqual(BYTES.slice(0, 4));
  }
});

// 32-bit offsets would read from the file's start instead.
test("reads beyond 4 GiB", async () => {
  const path = join(folder, "sparse");
  const at = 2 ** 32 + 12_345;
  const handle = await open(path, "w");
  await handle.write(BYTES, 0, 100, at);
  await handle.close();
  const source = await openFileSource(path);
  expect(source.sizeBytes).toBe(at + 100);
  expect(await source.read(at, 100)).toEqual(BYTES.slice(0, 100));
  expect(await source.read(12_345, 4)).toEqual(new Uint8Array(4));
  await source.close();
});

test("a file cut short while open is a RangeReadError, not zeros", async () => {
  const path = join(folder, "cut");
  await writeFile(path, BYTES);
  const source = await openFileSource(path);
  await truncate(path, 100);
  await expect(source.read(50, 1000)).rejects.toBeInstanceOf(RangeReadError);
  await source.close();
});

test("missing files and folders are FileErrors", async () => {
  await expect(openSource(join(folder, "nothing"))).rejects.toBeInstanceOf(FileError);
  await expect(openSource(folder)).rejects.toBeInstanceOf(FileError);
});

// The cache exists to turn many small reads into few: without a hit it would cost a request each.
test("the cache reads each block once", async () => {
  const inner = memorySource(BYTES);
  let readCount = 0;
  const counted = {
    ...inner,
    read: (o: number, n: number) => {
      readCount += 1;
      return inner.read(o, n);
    },
  };
  const source = cachedSource(counted, { blockBytes: 1000, blockCount: 2 });
  for (let at = 0; at < 2000; at += 10) await source.read(at, 10);
  expect(readCount).toBe(2);
});
