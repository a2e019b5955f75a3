import fc from "fast-check";
import { expect, test } from "vitest";
import { MiniCpmError } from "../base/errors.ts";
import { memorySource } from "../io/memory-source.ts";
import { layOutGguf } from "../weights/gguf/write-header.ts";
import { ImportanceError } from "./errors.ts";
import { ImportanceCollector, type ImportanceMatrix, readImportance, writeImportance } from "./imatrix.ts";

/** A file laid out by hand after the published format: sums are mean squares times calls. */
function fileByHand(): Uint8Array {
  const int = (value: number) => [...new Uint8Array(Int32Array.of(value).buffer)];
  const text = (value: string) => [...int(value.length), ...new TextEncoder().encode(value)];
  const floats = (...values: number[]) => [...new Uint8Array(Float32Array.from(values).buffer)];
  return Uint8Array.from([
    ...int(1),
    ...text("blk.0.attn_q.weight"),
    ...int(4),
    ...int(3),
    ...floats(4, 8, 0),
    ...int(7),
    ...text("calibration.txt"),
  ]);
}

// Forgetting the division by the calls scales all weights alike in one file and not in another.
test("values are means: the stored sums divided by the calls", async () => {
  const matrix = await readImportance(memorySource(fileByHand()));
  expect(matrix.entries.get("blk.0.attn_q.weight")?.meanSquares).toEqual(Float32Array.of(1, 2, 0));
  expect(matrix).toMatchObject({ chunkCount: 7, dataset: "calibration.txt" });
  expect(writeImportance(matrix)).toEqual(fileByHand());
});

test("a file that ends after its entries is read", async () => {
  const bytes = fileByHand();
  const matrix = await readImportance(memorySource(bytes.subarray(0, bytes.length - 8 - "calibration.txt".length)));
  expect([...matrix.entries.keys()]).toEqual(["blk.0.attn_q.weight"]);
});

test("the collector's means do not depend on how rows are split over calls", () => {
  const collector = new ImportanceCollector();
  collector.add("w", Float32Array.of(1, 2, 3, 4), 2);
  collector.add("w", Float32Array.of(5, 0), 2);
  const entry = collector.finish(1, "x").entries.get("w");
  expect(entry?.callCount).toBe(2);
  expect(entry?.meanSquares).toEqual(Float32Array.of(35 / 3, 20 / 3));
  expect(() => collector.add("w", Float32Array.of(1, 2, 3), 3)).toThrow(ImportanceError);
});

test("mutated files give a matrix or a typed error", async () => {
  const original = fileByHand();
  const edit = fc.tuple(fc.nat({ max: original.length - 1 }), fc.nat({ max: 255 }));
  await fc.assert(
    fc.asyncProperty(fc.array(edit, { maxLength: 4 }), fc.nat({ max: original.length }), async (edits, length) => {
      const bytes = new Uint8Array(original);
      for (const [at, value] of edits) bytes[at] = value;
      try {
        await readImportance(memorySource(bytes.subarray(0, length)));
      } catch (error) {
        if (!(error instanceof MiniCpmError)) throw error;
      }
    }),
    { seed: 20261122, numRuns: 300 },
  );
});

async function matrixOf(tensors: Record<string, number[]>): Promise<ImportanceMatrix> {
  const declarations = Object.entries(tensors).map(([name, values]) => ({
    name,
    type: "F32" as const,
    shape: [1, values.length],
  }));
  const layout = layOutGguf(new Map([["imatrix.chunk_count", { type: "u32", value: 9 }]]), declarations);
  const bytes = new Uint8Array(layout.fileBytes);
  bytes.set(layout.header);
  for (const [i, values] of Object.values(tensors).entries()) {
    bytes.set(new Uint8Array(Float32Array.from(values).buffer), layout.tensors[i].offsetBytes);
  }
  return readImportance(memorySource(bytes, "imatrix.gguf"));
}

// In this format sums are over rows, not means times calls.
test("a matrix in a GGUF file gives sums divided by counts, and leaves out what was never seen", async () => {
  const matrix = await matrixOf({
    "a.in_sum2": [4, 8],
    "a.counts": [4],
    "b.in_sum2": [0, 0],
    "b.counts": [0],
  });
  expect([...matrix.entries.keys()]).toEqual(["a"]);
  expect(matrix.entries.get("a")?.meanSquares).toEqual(Float32Array.of(1, 2));
  expect(matrix.chunkCount).toBe(9);
  await expect(matrixOf({ "a.in_sum2": [1] })).rejects.toThrow(/sums for a and no counts/);
  await expect(matrixOf({ "a.weight": [1] })).rejects.toThrow(/no importance matrix/);
  await expect(matrixOf({ "a.in_sum2": [-1], "a.counts": [1] })).rejects.toThrow(ImportanceError);
});
