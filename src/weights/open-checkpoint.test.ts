import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import type { ByteSource } from "../io/byte-source.ts";
import { memorySource } from "../io/memory-source.ts";
import { CheckpointEntryError, CheckpointFormatError } from "./errors.ts";
import { openCheckpoint } from "./open-checkpoint.ts";
import { dequantise } from "./quant/dequantise.ts";

const goldenSource = async (fileName: string): Promise<ByteSource> =>
  memorySource(readFileSync(new URL(`../../test/golden/gguf/${fileName}`, import.meta.url)), fileName);

function safetensors(header: unknown, dataBytes: number): Uint8Array {
  const json = new TextEncoder().encode(typeof header === "string" ? header : JSON.stringify(header));
  const bytes = new Uint8Array(8 + json.length + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(json.length), true);
  bytes.set(json, 8);
  for (let i = 0; i < dataBytes; i++) bytes[8 + json.length + i] = i;
  return bytes;
}

const entry = (dtype: string, shape: number[], begin: number, end: number) => ({
  dtype,
  shape,
  data_offsets: [begin, end],
});

// The llama.cpp splitter's layout: metadata in the first part, tensors over all.
test("a split GGUF opens as one checkpoint", async () => {
  const checkpoint = await openCheckpoint(await goldenSource("split-00001-of-00003.gguf"), {
    openSibling: goldenSource,
  });
  expect(checkpoint.names).toEqual(["x.weight", "y.weight", "z.weight"]);
  expect(checkpoint.metadata.string("general.architecture")).toBe("test");
  const z = checkpoint.tensor("z.weight");
  const secondRow = await z.read({ firstRow: 1, rowCount: 1 });
  expect([...dequantise(z.type, secondRow, 32)]).toEqual(new Array(32).fill("z".charCodeAt(0)));
});

test("a part of a split GGUF alone is refused with the part's name", async () => {
  await expect(openCheckpoint(await goldenSource("split-00001-of-00003.gguf"))).rejects.toThrow(
    /split-00002-of-00003\.gguf was not given/,
  );
  await expect(openCheckpoint(await goldenSource("split-00002-of-00003.gguf"))).rejects.toThrow(/open part 00001/);
});

test("a safetensors file gives tensors, metadata and rows", async () => {
  const bytes = safetensors(
    { __metadata__: { format: "pt" }, b: entry("F32", [], 12, 16), a: entry("BF16", [2, 3], 0, 12) },
    16,
  );
  const checkpoint = await openCheckpoint(memorySource(bytes, "model.safetensors"));
  expect(checkpoint.names).toEqual(["a", "b"]);
  expect(checkpoint.metadata.string("format")).toBe("pt");
  expect(checkpoint.tensor("a")).toMatchObject({ type: "BF16", shape: [2, 3], rowCount: 2, rowBytes: 6 });
  expect([...(await checkpoint.tensor("a").read({ firstRow: 1, rowCount: 1 }))]).toEqual([6, 7, 8, 9, 10, 11]);
  expect((await checkpoint.tensor("b").read()).length).toBe(4);
  await expect(checkpoint.tensor("a").read({ firstRow: 1, rowCount: 2 })).rejects.toThrow(CheckpointEntryError);
  expect(() => checkpoint.tensor("c")).toThrow(/model\.safetensors: there is no tensor c/);
});

test("a sharded set opens through its index and closes every file", async () => {
  const closed: string[] = [];
  const shard = (name: string, bytes: Uint8Array): ByteSource => {
    const source = memorySource(bytes, name);
    return { ...source, close: async () => void closed.push(name) };
  };
  const shards = new Map([
    ["one.safetensors", safetensors({ a: entry("F16", [2], 0, 4) }, 4)],
    ["two.safetensors", safetensors({ b: entry("F16", [1], 0, 2) }, 2)],
  ]);
  const openSibling = async (name: string) => shard(name, shards.get(name) ?? new Uint8Array());
  const index = (map: Record<string, string>) =>
    shard("index.json", new TextEncoder().encode(JSON.stringify({ weight_map: map })));
  const opened = await openCheckpoint(index({ a: "one.safetensors", b: "two.safetensors" }), { openSibling });
  expect(opened.names).toEqual(["a", "b"]);
  await opened.close();
  expect(closed.sort()).toEqual(["index.json", "one.safetensors", "two.safetensors"]);
  closed.length = 0;
  await expect(openCheckpoint(index({ c: "one.safetensors" }), { openSibling })).rejects.toThrow(
    /tensor c of the index/,
  );
  expect(closed.sort()).toEqual(["index.json", "one.safetensors"]);
  await expect(openCheckpoint(index({ a: "../../etc/passwd" }), { openSibling })).rejects.toThrow(/not a file name/);
});

// Each line is a header that an unchecked reader would follow out of the file or into the wrong numbers.
test.each<[string, unknown, number]>([
  ["offsets past the end", { a: entry("F32", [2], 0, 8) }, 4],
  ["offsets that disagree with the shape", { a: entry("F32", [2], 0, 4) }, 8],
  ["overlapping tensors", { a: entry("F32", [1], 0, 4), b: entry("F32", [1], 2, 6) }, 6],
  ["a negative size", { a: entry("F32", [-1], 0, 4) }, 4],
  ["a fractional size", { a: entry("F32", [0.5], 0, 2) }, 2],
  ["a size that overflows", { a: entry("F32", [2 ** 30, 2 ** 30], 0, 4) }, 4],
  ["an entry that is no object", { a: 3 }, 4],
  ["a list", [1], 4],
  ["metadata that is no text", { __metadata__: { a: 1 } }, 0],
])("%s is refused", async (_, header, dataBytes) => {
  const text = JSON.stringify(header);
  const bytes = safetensors(text.startsWith("{") ? text : ` ${text}`, dataBytes);
  await expect(openCheckpoint(memorySource(bytes))).rejects.toThrow(CheckpointFormatError);
});

test("a header length beyond the file is refused", async () => {
  const bytes = safetensors({}, 0);
  bytes[6] = 1;
  await expect(openCheckpoint(memorySource(bytes))).rejects.toThrow(/claims 281474976710658 bytes/);
});

test("an unknown dtype is named", async () => {
  const bytes = safetensors({ a: entry("F8_E4M3", [4], 0, 4) }, 4);
  await expect(openCheckpoint(memorySource(bytes))).rejects.toThrow(/tensor a has the unsupported dtype F8_E4M3/);
});
