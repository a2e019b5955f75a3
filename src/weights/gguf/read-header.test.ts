import { readFileSync } from "node:fs";
import { gguf } from "@huggingface/gguf";
import { expect, test } from "vitest";
import { StringList } from "../../base/string-list.ts";
import type { ByteSource } from "../../io/byte-source.ts";
import { memorySource } from "../../io/memory-source.ts";
import { CheckpointFormatError, CheckpointUnsupportedError } from "../errors.ts";
import { Metadata } from "../metadata.ts";
import { dequantise } from "../quant/dequantise.ts";
import { readGgufHeader } from "./read-header.ts";
import type { GgufValue } from "./value.ts";
import { layOutGguf, type TensorDeclaration } from "./write-header.ts";

const mixedFile = new URL("../../../test/golden/gguf/mixed.gguf", import.meta.url);
const mixed = (): Uint8Array => new Uint8Array(readFileSync(mixedFile));

function laidOut(metadata: Iterable<[string, GgufValue]>, tensors: readonly TensorDeclaration[]): Uint8Array {
  const layout = layOutGguf(new Map(metadata), tensors);
  const bytes = new Uint8Array(layout.fileBytes);
  bytes.set(layout.header);
  return bytes;
}

/** `head`, then zeros up to `sizeBytes`, without holding them. */
function sparseSource(head: Uint8Array, sizeBytes: number): ByteSource & { bytesRead: number } {
  return {
    name: "sparse.gguf",
    sizeBytes,
    bytesRead: 0,
    async read(offsetBytes, lengthBytes) {
      this.bytesRead += lengthBytes;
      const bytes = new Uint8Array(lengthBytes);
      bytes.set(head.subarray(offsetBytes, offsetBytes + lengthBytes));
      return bytes;
    },
    async close() {},
  };
}

// Each of the 13 value types: a wrong width shifts everything after it.
test("metadata of every type reads as the gguf package wrote it", async () => {
  const { metadata, version } = await readGgufHeader(memorySource(mixed()));
  expect(version).toBe(3);
  const scalars = Object.fromEntries(
    [...metadata].map(([key, entry]) => [key, entry.type === "array" ? undefined : [entry.type, entry.value]]),
  );
  expect(scalars).toMatchObject({
    "t.u8": ["u8", 200],
    "t.i8": ["i8", -100],
    "t.u16": ["u16", 60000],
    "t.i16": ["i16", -30000],
    "t.u32": ["u32", 4000000000],
    "t.i32": ["i32", -2000000000],
    "t.f32": ["f32", 0.5],
    "t.u64": ["u64", 2n ** 63n + 5n],
    "t.i64": ["i64", -(2n ** 62n)],
    "t.f64": ["f64", 1e300],
    "t.bool": ["bool", true],
    "t.string": ["string", "Grüße 文字 😀"],
  });
  const look = new Metadata("mixed", metadata);
  expect([...(look.numbers("t.ints") ?? [])]).toEqual([1, -2, 3]);
  expect([...(look.numbers("t.floats") ?? [])]).toEqual([0.25, -1.5]);
  expect(look.strings("t.strings")?.toArray()).toEqual(["a", "", "語"]);
  expect(metadata.get("t.bools")).toEqual({ type: "array", array: { type: "bool", values: [true, false] } });
  expect(metadata.get("t.nested")).toMatchObject({
    array: { type: "array", values: [{ values: Int32Array.of(1, 2) }, { values: Int32Array.of(3) }] },
  });
});

// An independent reader agrees on metadata, shapes, types and offsets.
test("the header agrees with @huggingface/gguf", async () => {
  const header = await readGgufHeader(memorySource(mixed()));
  const oracle = await gguf(mixedFile.pathname, { allowLocalFile: true });
  expect(Number(oracle.tensorDataOffset)).toBe(header.dataOffsetBytes);
  expect(header.tensors.map(({ name, shape, offsetBytes }) => ({ name, shape, offsetBytes }))).toEqual(
    oracle.tensorInfos.map(({ name, shape, offset }) => ({
      name,
      shape: shape.map(Number).reverse(),
      offsetBytes: header.dataOffsetBytes + Number(offset),
    })),
  );
  const oracleKeys = Object.keys(oracle.metadata).filter((key) => !/^(version|tensor_count|kv_count)$/.test(key));
  expect([...header.metadata.keys()]).toEqual(oracleKeys);
});

// Reversed dimensions or a data offset off by one alignment would show here.
test("tensor places lead to the tensor's numbers", async () => {
  const bytes = mixed();
  const { tensors } = await readGgufHeader(memorySource(bytes));
  const bias = tensors.find((place) => place.name === "d.bias");
  if (bias === undefined) throw new Error("no d.bias");
  expect(bias.shape).toEqual([7]);
  const values = dequantise("F32", bytes.subarray(bias.offsetBytes, bias.offsetBytes + bias.byteLength), 7);
  expect(values.every((value) => Math.abs(value) > 1e-3 && Math.abs(value) < 4)).toBe(true);
  expect(tensors.map((place) => place.shape)).toContainEqual([3, 2, 4]);
});

// The round trip keeps every type and byte, which `quantise` relies on to copy metadata.
test("writing a read header again gives the same metadata bytes", async () => {
  const first = await readGgufHeader(memorySource(mixed()));
  const again = laidOut(first.metadata, first.tensors);
  expect(again.subarray(0, first.dataOffsetBytes)).toEqual(mixed().subarray(0, first.dataOffsetBytes));
});

// Opening must cost the header, not the file.
test("a 5 GB file with 250,000 tokens opens by reading its header only", async () => {
  const tokens = StringList.from(Array.from({ length: 250_000 }, (_, i) => `token ${i}`));
  const tensors: TensorDeclaration[] = Array.from({ length: 400 }, (_, i) => ({
    name: `blk.${i}.weight`,
    type: "Q4_K",
    shape: [5440, 4096],
  }));
  const { header, fileBytes } = layOutGguf(
    new Map([["tokens", { type: "array", array: { type: "string", values: tokens } }]]),
    tensors,
  );
  expect(fileBytes).toBeGreaterThan(5e9);
  const source = sparseSource(header, fileBytes);
  const opened = await readGgufHeader(source);
  expect(source.bytesRead).toBeLessThan(header.length * 1.1 + 2 ** 20);
  expect(opened.tensors).toHaveLength(400);
  expect(new Metadata("", opened.metadata).strings("tokens")?.at(249_999)).toBe("token 249999");
});

// A file from a hostile place must not make the reader allocate what it claims.
test("claims beyond the file are refused before anything is allocated", async () => {
  const claim = (...values: bigint[]): Uint8Array => {
    const bytes = new Uint8Array(8 + 8 * values.length);
    const view = new DataView(bytes.buffer);
    bytes.set(new TextEncoder().encode("GGUF"));
    view.setUint32(4, 3, true);
    for (const [i, value] of values.entries()) view.setBigUint64(8 + 8 * i, value, true);
    return bytes;
  };
  const open = (bytes: Uint8Array) => readGgufHeader(memorySource(bytes));
  await expect(open(claim(2n ** 40n, 0n))).rejects.toThrow(/tensor directory claims 1099511627776/);
  await expect(open(claim(0n, 2n ** 63n))).rejects.toThrow(CheckpointFormatError);
  await expect(open(claim(0n, 1n, 2n ** 62n, 0n))).rejects.toThrow(CheckpointFormatError);
});

test("files of other kinds are named as such", async () => {
  const open = (bytes: Uint8Array) => readGgufHeader(memorySource(bytes));
  await expect(open(new Uint8Array(4))).rejects.toThrow(CheckpointFormatError);
  await expect(open(new TextEncoder().encode("<html>not a model</html>"))).rejects.toThrow(/not a GGUF file/);
  const versionOne = mixed();
  versionOne[4] = 1;
  await expect(open(versionOne)).rejects.toThrow(/version 1 is not supported/);
  versionOne.set([0, 0, 0, 3], 4);
  await expect(open(versionOne)).rejects.toThrow(CheckpointUnsupportedError);
  await expect(open(versionOne)).rejects.toThrow(/big-endian/);
});

test("version 2, whose layout is the same, is read", async () => {
  const bytes = mixed();
  bytes[4] = 2;
  expect((await readGgufHeader(memorySource(bytes))).tensors).toHaveLength(4);
});

// Two names for the same bytes, or a tensor beyond the end, is a damaged directory.
test("overlap, misalignment, truncation, duplicates and a bad alignment are refused", async () => {
  const tensors: TensorDeclaration[] = [
    { name: "a", type: "F32", shape: [8] },
    { name: "b", type: "F32", shape: [8] },
  ];
  const good = laidOut([], tensors);
  const open = (bytes: Uint8Array) => readGgufHeader(memorySource(bytes));
  await expect(open(good)).resolves.toBeDefined();
  await expect(open(good.subarray(0, good.length - 1))).rejects.toThrow(/tensor b needs bytes/);
  const offsetOfB = 24 + 33 + 25; // file head, entry of a, fields of b before its offset
  const withOffset = (offset: number): Uint8Array => good.with(offsetOfB, offset);
  await expect(open(withOffset(0))).rejects.toThrow(/tensors a and b overlap/);
  await expect(open(withOffset(4))).rejects.toThrow(/not aligned to 32/);
  await expect(open(laidOut([], [tensors[0], tensors[0]]))).rejects.toThrow(/two tensors are called a/);
  const odd = laidOut([["general.alignment", { type: "u32", value: 32 }]], tensors);
  const alignmentAt = 24 + 8 + "general.alignment".length + 4;
  await expect(open(odd.with(alignmentAt, 24))).rejects.toThrow(/general\.alignment is u32 24/);
});
