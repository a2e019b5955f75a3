import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { seededRandom } from "../base/random.ts";
import { memorySource } from "../io/memory-source.ts";
import type { CheckpointTensor } from "../weights/checkpoint.ts";
import { readGgufHeader } from "../weights/gguf/read-header.ts";
import { openCheckpoint } from "../weights/open-checkpoint.ts";
import { dequantise } from "../weights/quant/dequantise.ts";
import { type TowerFile, towerRepack } from "./tower-repack.ts";

const PATH = fileURLToPath(new URL("../../test/golden/ladder/v2.6/gguf/mmproj-model-f16.gguf", import.meta.url));
const published = new Uint8Array(await readFile(PATH));

async function towerFile(): Promise<TowerFile> {
  return { header: await readGgufHeader(memorySource(published)), sums: { error: 0, power: 0 } };
}

/** Repacks in pieces of random length; with `restarts`, from a saved state before each piece. */
async function repack(seed: number, restarts: boolean): Promise<Uint8Array> {
  const random = seededRandom(seed);
  const transform = towerRepack(await towerFile());
  let running = transform.create();
  const out: Uint8Array[] = [];
  for (let at = 0; at < published.length; ) {
    const length = 1 + random.below(40_000);
    out.push(running.push(published.subarray(at, at + length)));
    at += length;
    const state = running.save();
    if (restarts && state !== undefined) running = transform.resume(state);
  }
  out.push(running.finish());
  return new Uint8Array(Buffer.concat(out));
}

// catches a result that depends on how the network cut the bytes, or on where a download was taken up again
test("the result is the same however the bytes come and wherever it goes on", async () => {
  const whole = await repack(1, false);
  for (const seed of [2, 3]) expect(Buffer.compare(await repack(seed, true), whole), `seed ${seed}`).toBe(0);
});

/** Values of a matrix or vector in a larger shape, zeros where it has none. */
async function valuesOf(tensor: CheckpointTensor, shape: readonly number[]): Promise<Float32Array> {
  const found = dequantise(
    tensor.type,
    await tensor.read(),
    tensor.shape.reduce((product, n) => product * n, 1),
  );
  const rowLength = tensor.shape.at(-1) ?? 1;
  const wideLength = shape.at(-1) ?? 1;
  const wide = new Float32Array(shape.reduce((product, n) => product * n, 1));
  for (let at = 0; at < found.length; at += rowLength) {
    wide.set(found.subarray(at, at + rowLength), (at / rowLength) * wideLength);
  }
  return wide;
}

// catches tensors at wrong offsets, zeros that are not zero or lie elsewhere, types that the header does not tell, and values that are off
test("every tensor can be read back, matrices in 8 bit and close to what was published", async () => {
  const before = await openCheckpoint(memorySource(published));
  const after = await openCheckpoint(memorySource(await repack(4, false)));
  expect(after.names.toSorted()).toEqual(before.names.toSorted());
  let repacked = 0;
  for (const name of before.names) {
    const [a, b] = [before.tensor(name), after.tensor(name)];
    const [x, y] = [await valuesOf(a, b.shape), await valuesOf(b, b.shape)];
    if (b.type === a.type) expect(y, name).toEqual(x);
    else {
      repacked++;
      const scale = Math.max(...x.map(Math.abs));
      for (let i = 0; i < x.length; i++) expect(Math.abs(y[i] - x[i])).toBeLessThanOrEqual(scale / 127);
    }
  }
  expect(repacked).toBeGreaterThan(5);
  // 112 neurons are three and a half blocks
  expect(after.metadata.number("clip.vision.feed_forward_length")).toBe(128);
  const maps = after.names.filter((name) => /ffn_(up|down)\.weight$/.test(name));
  expect(maps.map((name) => after.tensor(name).type)).toEqual(maps.map(() => "Q8_0"));
});
