import { expect, test } from "vitest";
import { memorySource } from "../io/memory-source.ts";
import type { Checkpoint } from "./checkpoint.ts";
import { WeightMismatchError } from "./errors.ts";
import { layOutGguf } from "./gguf/write-header.ts";
import { openCheckpoint } from "./open-checkpoint.ts";
import { WeightReader } from "./weight-reader.ts";

async function threeTensors(): Promise<Checkpoint> {
  const layout = layOutGguf(new Map(), [
    { name: "a", type: "F32", shape: [2, 8] },
    { name: "b", type: "F16", shape: [8] },
    { name: "table", type: "F32", shape: [8] },
  ]);
  const bytes = new Uint8Array(layout.fileBytes);
  bytes.set(layout.header);
  return openCheckpoint(memorySource(bytes, "tiny.gguf"));
}

test("claims that all fit finish silently", async () => {
  const reader = new WeightReader(await threeTensors());
  expect((await reader.claim("a", { shape: [2, 8], types: ["F32"] }).read()).length).toBe(64);
  reader.claim("b", { shape: [8] });
  reader.claim("a", { shape: [2, 8] });
  reader.ignore(/^table$/);
  expect(reader.claimOptional("c", { shape: [1] })).toBeUndefined();
  expect(() => reader.finish()).not.toThrow();
});

// Reporting one name at a time would take as many attempts as there are wrong tensors.
test("gaps, leftovers, wrong shapes and wrong types come together, by name", async () => {
  const reader = new WeightReader(await threeTensors());
  reader.claim("a", { shape: [8, 2] });
  reader.claim("a", { shape: [8, 2] });
  reader.claim("b", { shape: [8], types: ["F32", "BF16"] });
  const missing = reader.claim("blk.0.attn_q.weight", { shape: [4, 4] });
  await expect(missing.read()).rejects.toThrow(/no tensor blk\.0\.attn_q\.weight/);
  let error: unknown;
  try {
    reader.finish();
  } catch (caught) {
    error = caught;
  }
  if (!(error instanceof WeightMismatchError)) throw new Error(`unexpected ${error}`);
  expect(error.mismatch).toEqual({
    missing: ["blk.0.attn_q.weight"],
    leftover: ["table"],
    wrongShape: ["a: expected [8, 2], found [2, 8]"],
    wrongType: ["b: expected F32 or BF16, found F16"],
  });
  expect(error.message).toMatch(/^tiny\.gguf does not fit the model: 1 missing \(blk\.0\.attn_q\.weight\); 1 not used/);
});
