import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gguf } from "@huggingface/gguf";
import { afterEach, beforeEach, expect, test } from "vitest";
import { AbortedError, ArgumentError } from "../base/errors.ts";
import { seededRandom } from "../base/random.ts";
import { StringList } from "../base/string-list.ts";
import { memorySource } from "../io/memory-source.ts";
import type { Checkpoint } from "../weights/checkpoint.ts";
import type { GgufValue } from "../weights/gguf/value.ts";
import { openCheckpoint } from "../weights/open-checkpoint.ts";
import { dequantise } from "../weights/quant/dequantise.ts";
import { quantise } from "./encode/quantise.ts";
import { ImportanceError, OutputWriteError } from "./errors.ts";
import { type TensorToWrite, writeGguf } from "./gguf-writer.ts";
import { fileSink, type WritableHandle } from "./node/file-sink.ts";
import { quantiseFile } from "./quantise-file.ts";
import { writeSafetensors } from "./safetensors-writer.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "quantise-"));
});
afterEach(() => rm(folder, { recursive: true }));

const SHAPES: Record<string, number[]> = {
  "token_embd.weight": [40, 256],
  "output_norm.weight": [256],
  "blk.0.attn_q.weight": [256, 256],
  "blk.0.attn_v.weight": [64, 256],
  "blk.0.ffn_down.weight": [256, 512],
  "v.blk.0.attn_q.weight": [64, 96],
  "v.blk.0.ffn_up.weight": [64, 144],
};
const METADATA = new Map<string, GgufValue>([
  ["general.architecture", { type: "string", value: "test" }],
  ["tokenizer.ggml.tokens", { type: "array", array: { type: "string", values: StringList.from(["a", "語"]) } }],
  ["split.count", { type: "u16", value: 1 }],
]);

function valuesOf(name: string): Float32Array<ArrayBuffer> {
  const random = seededRandom(name.length);
  const count = SHAPES[name].reduce((a, b) => a * b, 1);
  return Float32Array.from({ length: count }, () => random.normal());
}

function tensors(type: "F32" | "F16" | "BF16" | "Q8_0" = "F32"): TensorToWrite[] {
  return Object.entries(SHAPES).map(([name, shape]) => {
    const actual = shape.length === 1 || shape.at(-1) === 144 ? "F32" : type;
    return { name, shape, type: actual, chunks: () => [quantise(actual, valuesOf(name), shape.at(-1) ?? 1)] };
  });
}

async function source(type: "F32" | "F16" | "BF16" | "Q8_0" = "F32"): Promise<Checkpoint> {
  const path = join(folder, "source.gguf");
  await writeGguf(await fileSink(path), METADATA, tensors(type));
  return openCheckpoint(memorySource(await readFile(path), path));
}

// The whole way: written by us, read by another's reader and by ours; types, metadata and numbers are what was asked.
test("Q4_K_M of a small model reads back with the types of the mixture and small errors", async () => {
  const path = join(folder, "out.gguf");
  const progress: number[] = [];
  const summary = await quantiseFile(await source("BF16"), await fileSink(path), "Q4_K_M", {
    onProgress: ({ writtenBytes, fileBytes }) => progress.push(writtenBytes / fileBytes),
  });
  expect(summary.types.map(({ to }) => to)).toEqual(
    ["Q6_K", "F32", "Q4_K", "Q6_K", "Q6_K", "Q5_0", "F32"].with(6, "F16"),
  );
  const { metadata, tensorInfos } = await gguf(path, { allowLocalFile: true });
  expect(metadata).toMatchObject({ "general.file_type": 15, "tokenizer.ggml.tokens": ["a", "語"] });
  expect(Object.keys(metadata)).not.toContain("split.count");
  expect(tensorInfos.map(({ name }) => name)).toEqual(Object.keys(SHAPES));
  const checkpoint = await openCheckpoint(memorySource(await readFile(path)));
  for (const name of checkpoint.names) {
    const tensor = checkpoint.tensor(name);
    const expected = valuesOf(name);
    const actual = dequantise(tensor.type, await tensor.read(), expected.length);
    const error = Math.sqrt(actual.reduce((sum, value, i) => sum + (value - expected[i]) ** 2, 0) / actual.length);
    expect(error, name).toBeLessThan(0.1);
  }
  expect(progress.at(-1)).toBeGreaterThan(0.9);
  expect(progress).toEqual([...progress].sort((a, b) => a - b));
});

test("an importance matrix changes the weights it names, and one of another model is refused", async () => {
  const write = async (columns: number, file: string) => {
    const meanSquares = Float32Array.from({ length: columns }, (_, i) => (i < 16 ? 1e4 : 1));
    const entries = new Map([["blk.0.attn_q.weight", { callCount: 1, meanSquares }]]);
    const path = join(folder, file);
    const importance = { entries, chunkCount: 3, dataset: "text" };
    await quantiseFile(await source(), await fileSink(path), "Q4_K_M", { importance });
    const checkpoint = await openCheckpoint(memorySource(await readFile(path)));
    const tensor = checkpoint.tensor("blk.0.attn_q.weight");
    return { checkpoint, values: dequantise(tensor.type, await tensor.read(), 256 * 256) };
  };
  const { checkpoint, values } = await write(256, "a.gguf");
  expect(checkpoint.metadata.string("quantize.imatrix.dataset")).toBe("text");
  const original = valuesOf("blk.0.attn_q.weight");
  const plain = dequantise("Q4_K", quantise("Q4_K", original, 256), original.length);
  const error = (actual: Float32Array) =>
    actual.reduce((sum, value, i) => sum + (i % 256 < 16 ? (value - original[i]) ** 2 : 0), 0);
  expect(error(values)).toBeLessThan(0.8 * error(plain));
  await expect(write(128, "b.gguf")).rejects.toThrow(ImportanceError);
  expect(await readdir(folder)).toEqual(["a.gguf", "source.gguf"]);
});

test("a source that is quantised already is refused unless the type stays", async () => {
  await expect(quantiseFile(await source("Q8_0"), await fileSink(join(folder, "o")), "Q4_0")).rejects.toThrow(
    ArgumentError,
  );
  const again = join(folder, "again.gguf");
  await quantiseFile(await source("Q8_0"), await fileSink(again), "Q8_0");
  const bytes = await openCheckpoint(memorySource(await readFile(again)));
  expect(bytes.tensor("blk.0.attn_q.weight").type).toBe("Q8_0");
});

// An aborted or failed run must not leave a file that looks complete, nor its parts, nor harm the old file.
test("cancelling leaves the folder as it was", async () => {
  const path = join(folder, "out.gguf");
  await writeFile(path, "old");
  const controller = new AbortController();
  const run = quantiseFile(await source(), await fileSink(path), "Q4_0", {
    signal: controller.signal,
    onProgress: () => controller.abort(),
  });
  await expect(run).rejects.toThrow(AbortedError);
  expect((await readdir(folder)).sort()).toEqual(["out.gguf", "source.gguf"]);
  expect(await readFile(path, "utf8")).toBe("old");
});

test("a full disk is a typed error that leaves nothing", async () => {
  const path = join(folder, "full.gguf");
  const { open } = await import("node:fs/promises");
  const sink = await fileSink(path, async (temporary): Promise<WritableHandle> => {
    const handle = await open(temporary, "wx");
    let left = 5000;
    return {
      sync: () => handle.sync(),
      close: () => handle.close(),
      write: (async (bytes: Uint8Array, at: number, length: number) => {
        if (left === 0) throw Object.assign(new Error("no space left"), { code: "ENOSPC" });
        const part = Math.min(left, length, 1000);
        left -= part;
        return handle.write(bytes, at, part);
      }) as WritableHandle["write"],
    };
  });
  const run = writeGguf(sink, METADATA, tensors());
  await expect(run).rejects.toThrow(OutputWriteError);
  await expect(run).rejects.toThrow(/The disk is full/);
  expect(await readdir(folder)).toEqual([]);
});

test("a tensor that gives too few or too many bytes is refused by name", async () => {
  const wrong = (length: number): TensorToWrite[] => [
    { name: "a", type: "F32", shape: [4], chunks: () => [new Uint8Array(length)] },
  ];
  for (const length of [12, 20]) {
    const sink = await fileSink(join(folder, "wrong.gguf"));
    await expect(writeGguf(sink, new Map(), wrong(length))).rejects.toThrow(/tensor a did not give the 16 bytes/);
  }
  expect(await readdir(folder)).toEqual([]);
});

test("a safetensors file reads back, header padded and marked as Hugging Face expects", async () => {
  const path = join(folder, "model.safetensors");
  await writeSafetensors(await fileSink(path), tensors("BF16"));
  const bytes = await readFile(path);
  expect(Number(bytes.readBigUInt64LE()) % 8).toBe(0);
  const checkpoint = await openCheckpoint(memorySource(bytes));
  expect(checkpoint.metadata.string("format")).toBe("pt");
  expect(checkpoint.names).toEqual(Object.keys(SHAPES));
  const norm = checkpoint.tensor("output_norm.weight");
  expect(dequantise(norm.type, await norm.read(), 256)).toEqual(valuesOf("output_norm.weight"));
  await expect(writeSafetensors(await fileSink(path), tensors("Q8_0"))).rejects.toThrow(ArgumentError);
});

// Memory is bounded by the chunk: the largest read from the source must not grow with the tensor.
test("a tensor larger than a chunk is read in pieces", async () => {
  const rows = 40_000;
  const path = join(folder, "large.gguf");
  const zeros = {
    name: "x.weight",
    type: "F16",
    shape: [rows, 256],
    chunks: () => [new Uint8Array(rows * 512)],
  } as const;
  await writeGguf(await fileSink(path), new Map(), [zeros]);
  const inner = memorySource(await readFile(path));
  const reads: number[] = [];
  const watched = {
    ...inner,
    read: (at: number, length: number, signal?: AbortSignal) => {
      reads.push(length);
      return inner.read(at, length, signal);
    },
  };
  await quantiseFile(await openCheckpoint(watched), await fileSink(join(folder, "o.gguf")), "Q8_0");
  expect(Math.max(...reads)).toBeLessThanOrEqual(2 ** 21);
  expect(reads.reduce((a, b) => a + b)).toBeGreaterThan(rows * 512);
});
