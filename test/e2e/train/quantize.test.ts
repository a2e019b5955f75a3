import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { memorySource } from "../../../src/io/memory-source.ts";
import { readImportance } from "../../../src/quantize/imatrix.ts";
import { openCheckpoint } from "../../../src/weights/open-checkpoint.ts";
import { tinyFolder } from "../chat/tiny-model.ts";
import { cli } from "../cli/run-cli.ts";

const MODEL = tinyFolder("v2.6");
const PAIR = join(MODEL, "gguf");

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "minicpmv-quantize-"));
  await writeFile(join(folder, "text.txt"), "Total 12.50 on 3 May. The quick brown fox.");
});
afterEach(() => rm(folder, { recursive: true, force: true }));

function measure(model: string, output: string) {
  const shown = ["--text", join(folder, "text.txt"), "-i", join(MODEL, "landscape.png")];
  return cli(["imatrix", "-m", model, ...shown, "-t", "1", join(folder, output)]);
}

async function matrixOf(name: string) {
  return readImportance(memorySource(await readFile(join(folder, name)), name));
}

// catches a tower or a last layer that is never measured, names that quantize does not find, a matrix that changes nothing
test("an importance matrix is measured on text and pictures, and both files are rounded by it", async () => {
  const { code, notes } = await measure(join(PAIR, "model-f16.gguf"), "pair.dat");
  expect(code, notes).toBe(0);
  const { entries, chunkCount, dataset } = await matrixOf("pair.dat");
  expect([chunkCount, dataset]).toEqual([2, "text.txt, landscape.png"]);
  const length = (name: string) => entries.get(name)?.meanSquares.length;
  expect(["blk.0.attn_q.weight", "blk.1.ffn_down.weight", "output.weight"].map(length)).toEqual([128, 96, 128]);
  expect(["v.blk.2.attn_out.weight", "resampler.kv.weight"].map(length)).toEqual([64, 64]);
  const rowsOf = (name: string) => entries.get(name)?.callCount;
  // the last layer's feed-forward is run for wanted rows alone, so all of them must be wanted
  expect(rowsOf("blk.1.ffn_down.weight")).toBe(rowsOf("blk.0.ffn_down.weight"));
  for (const file of ["model-f16.gguf", "mmproj-model-f16.gguf"]) {
    const outputs = await Promise.all(
      [[], ["--imatrix", join(folder, "pair.dat")]].map(async (flags, i) => {
        const path = join(folder, `${i}-${file}`);
        const done = await cli(["quantize", join(PAIR, file), path, "Q4_K_M", ...flags]);
        expect(done.code, done.notes).toBe(0);
        return readFile(path);
      }),
    );
    expect(outputs[1].equals(outputs[0])).toBe(false);
  }
}, 120_000);

// catches a folder that training wrote and that nothing turns into files for llama.cpp, or a tower that is left out
test("a folder of safetensors becomes a pair that answers, and is measured under the same names", async () => {
  const language = join(folder, "small.gguf");
  const { code, notes } = await cli(["quantize", MODEL, language, "Q8_0"]);
  expect(code, notes).toBe(0);
  const vision = await openCheckpoint(memorySource(await readFile(join(folder, "mmproj-small.gguf")), "mmproj"));
  expect(vision.tensor("v.blk.0.attn_q.weight").type).toBe("Q8_0");
  const answer = await cli(["run", join(MODEL, "small.png"), "Read this.", "-m", language, "-t", "1", "-n", "4"]);
  expect(answer.code, answer.notes).toBe(0);
  await Promise.all([measure(MODEL, "folder.dat"), measure(join(PAIR, "model-f16.gguf"), "pair.dat")]);
  const [ours, theirs] = [await matrixOf("folder.dat"), await matrixOf("pair.dat")];
  expect([...ours.entries.keys()].sort()).toEqual([...theirs.entries.keys()].sort());
}, 120_000);
