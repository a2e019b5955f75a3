// Makes the shipped form of the embedded model out of a training checkpoint: two GGUF files, config.json and tokenizer.
// The same weights give the same bytes. usage: node pack-pocket.ts WEIGHTS.safetensors [--preset Q8_0] [--out FOLDER]
import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { openFileSource } from "../../src/io/node/file-source.ts";
import { isQuantisePreset, QUANTISE_PRESETS } from "../../src/quantize/mixture.ts";
import { fileSink } from "../../src/quantize/node/file-sink.ts";
import { writeGgufPair } from "../../src/train/checkpoint/gguf-pair.ts";
import { openCheckpoint } from "../../src/weights/open-checkpoint.ts";
import { POCKET_RESOLUTION, POCKET_SLICES, pocketConfig } from "./pocket-model.ts";

/** What the issue allows for all of them together. */
const MOST_BYTES = 16e6;

const { values: args, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    preset: { type: "string", default: "Q8_0" },
    out: { type: "string", default: join(import.meta.dirname, "../../models/pocket") },
    tokenizer: { type: "string", default: join(import.meta.dirname, "../../models/pocket") },
    "config-only": { type: "boolean", default: false },
  },
});
const [weights] = positionals;
const { preset, out } = args;
if ((weights === undefined && !args["config-only"]) || !isQuantisePreset(preset)) {
  console.error("usage: node pack-pocket.ts WEIGHTS.safetensors [--preset Q8_0] [--out FOLDER]");
  console.error(`Presets: ${QUANTISE_PRESETS.join(", ")}.`);
  process.exit(2);
}

const config = pocketConfig();
mkdirSync(out, { recursive: true });
const json = (name: string, value: unknown): void =>
  writeFileSync(join(out, name), `${JSON.stringify(value, null, 1)}\n`);
json("config.json", config);
// what the released processors of the family read
json("preprocessor_config.json", {
  image_processor_type: "MiniCPMVImageProcessor",
  max_slice_nums: POCKET_SLICES,
  scale_resolution: POCKET_RESOLUTION,
  patch_size: config.patch_size,
  use_image_id: true,
  image_feature_size: config.query_num,
  slice_mode: true,
  norm_mean: [0.5, 0.5, 0.5],
  norm_std: [0.5, 0.5, 0.5],
  version: 2.6,
});
if (weights !== undefined) {
  const read = (name: string) => JSON.parse(readFileSync(join(args.tokenizer, name), "utf8"));
  const checkpoint = await openCheckpoint(await openFileSource(weights));
  const [language, vision] = ["pocket.gguf", "mmproj-pocket.gguf"].map((name) => join(out, name));
  try {
    await writeGgufPair(
      { language: await fileSink(language), vision: await fileSink(vision) },
      { config, checkpoint, preset, tokenizer: read("tokenizer.json"), tokenizerConfig: read("tokenizer_config.json") },
    );
  } finally {
    await checkpoint.close();
  }
  const bytes = [language, vision].map((path) => statSync(path).size);
  console.log(`${language}: ${bytes[0]} bytes; ${vision}: ${bytes[1]} bytes; ${preset}`);
  if (bytes[0] + bytes[1] > MOST_BYTES) {
    console.error(`Together they have ${bytes[0] + bytes[1]} bytes, and ${MOST_BYTES} may be shipped.`);
    process.exitCode = 1;
  }
}
