import { expect, test } from "vitest";
import { ConfigJson } from "../../../src/model/config-json.ts";
import { exportGguf } from "../../../src/model/export/export-gguf.ts";
import type { Checkpoint } from "../../../src/weights/checkpoint.ts";
import { dequantise } from "../../../src/weights/quant/dequantise.ts";
import { written } from "./ask.ts";
import { openGoldenFile, readGolden, readJson } from "./harness.ts";

async function values(checkpoint: Checkpoint, name: string): Promise<Float32Array> {
  const tensor = checkpoint.tensor(name);
  return dequantise(tensor.type, await tensor.read(), tensor.byteLength / (tensor.type === "F32" ? 4 : 2));
}

/** Keys that say who wrote the file, or that the reference writer sets apart from its config.json. */
const OTHER_KEYS =
  /^general\.(name|quantization_version)$|\.context_length$|^tokenizer\.ggml\.(bos|eos|padding|unknown)_token_id$/;

function entries(checkpoint: Checkpoint): Readonly<Record<string, unknown>> {
  const kept = [...checkpoint.metadata.values].filter(([key]) => !OTHER_KEYS.test(key));
  return Object.fromEntries(
    kept.map(([key, entry]) => {
      if (entry.type !== "array") return [key, `${entry.type} ${entry.value}`];
      return [key, [entry.array.type, ...entry.array.values]];
    }),
  );
}

function expectWithin(
  ulps: number,
  actual: Float32Array,
  { expected, name }: { readonly expected: Float32Array; readonly name: string },
): void {
  expect(actual.length, name).toBe(expected.length);
  const isOff = (value: number, i: number): boolean =>
    Math.abs(value - expected[i]) > ulps * 2 ** -23 * Math.abs(value);
  expect(actual.findIndex(isOff), `${name}: first value that differs`).toBe(-1);
}

for (const folder of ["v2.5", "v2.6", "v4.5", "v4.6"]) {
  test(`${folder} exported is the pair that the reference writer makes`, async () => {
    // catches files that only this project can read: llama.cpp answers on the reference's pair as recorded
    await using golden = await readGolden(folder);
    const tokenizer = {
      tokenizer: await readJson<unknown>(folder, "tokenizer.json"),
      config: await readJson<unknown>(folder, "tokenizer_config.json"),
    };
    const config = new ConfigJson(golden.config);
    const pair = await exportGguf({ config, checkpoint: golden.checkpoint, tokenizer, name: "tiny" });
    for (const [part, file] of [
      [pair.language, "gguf/model-f16.gguf"],
      [pair.vision, "gguf/mmproj-model-f16.gguf"],
    ] as const) {
      const ours = await written(part, "F16");
      const reference = await openGoldenFile(folder, file);
      expect([...ours.names].sort()).toEqual([...reference.names].sort());
      for (const name of reference.names) {
        expect(ours.tensor(name).shape, name).toEqual(reference.tensor(name).shape);
        // numpy's float32 exp of A_log is not always rounded correctly
        const ulps = name.endsWith(".ssm_a") ? 1 : 0;
        expectWithin(ulps, await values(ours, name), { expected: await values(reference, name), name });
      }
      expect(entries(ours)).toEqual(entries(reference));
      await reference.close();
    }
  });
}

test("versions with a SentencePiece vocabulary are refused by name", async () => {
  // a file with the wrong vocabulary would answer in noise
  await using golden = await readGolden("v4.0");
  const request = { config: new ConfigJson(golden.config), checkpoint: golden.checkpoint, name: "tiny" };
  await expect(exportGguf({ ...request, tokenizer: { tokenizer: {}, config: {} } })).rejects.toThrow(/4\.0 cannot be/);
});
