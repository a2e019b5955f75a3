import { copyFile, mkdtemp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { tokenId } from "../../../src/base/brand.ts";
import { seededRandom } from "../../../src/base/random.ts";
import { openFileSource } from "../../../src/io/node/file-source.ts";
import { ConfigJson } from "../../../src/model/config-json.ts";
import { decoderGraph } from "../../../src/model/decoder/decoder.ts";
import { describeModel } from "../../../src/model/minicpmv/registry.ts";
import { fileSink } from "../../../src/quantize/node/file-sink.ts";
import { tokenizerFromJson } from "../../../src/tokenizer/tokenizer-json.ts";
import { writeGgufPair } from "../../../src/train/checkpoint/gguf-pair.ts";
import { initialise } from "../../../src/train/initialise.ts";
import { writeTensors } from "../../../src/train/run-folder.ts";
import { Checkpoint } from "../../../src/weights/checkpoint.ts";
import { Metadata } from "../../../src/weights/metadata.ts";
import { openCheckpoint } from "../../../src/weights/open-checkpoint.ts";

export const POCKET = fileURLToPath(new URL("../../../models/pocket/", import.meta.url));
const CAPACITY = {
  tokens: 1,
  selected: 1,
  sequences: 1,
  pagesPerSequence: 1,
  pageSize: 64,
  slotCount: 64,
  cacheType: "f32",
} as const;
/** Strength of the written table: the right token gets about nine tenths of the probability. */
const STRENGTH = 0.6;

/** What the stand-in says to every question about a picture. No token of it comes twice. */
export const SAID = "7.5<box>12,34;60:89</box>";

export async function readJson(name: string) {
  return JSON.parse(await readFile(join(POCKET, name), "utf8"));
}

/** Random weights of the embedded model in its real shape, as training saves them, under its own names. */
export async function randomWeights(seed: number): Promise<{
  readonly weights: Record<string, Float32Array>;
  readonly shapeOf: (name: string) => readonly number[];
}> {
  const config = await readJson("config.json");
  const none = new Checkpoint({
    fileName: "no weights yet",
    container: "safetensors",
    metadata: new Metadata("no weights yet", new Map()),
    tensors: [],
    sources: [],
  });
  const { encoder, decoder, computed } = await describeModel({ config: new ConfigJson(config), language: none });
  const graphs = [encoder.graph({ views: 1, patches: 64 }), decoderGraph(decoder, CAPACITY)];
  const shapes = new Map<string, readonly number[]>();
  const weights: Record<string, Float32Array> = {};
  for (const graph of graphs) {
    const made = initialise(graph, { seed, layerCount: decoder.layerCount });
    for (const [name, id] of Object.entries(graph.weights)) {
      if (computed(name) !== undefined) continue;
      shapes.set(
        name,
        graph.values[id].dims.map((d) => d.capacity),
      );
      weights[name] = made[name];
    }
  }
  // what only training needs must not be shipped
  shapes.set("train.dense_head.0.weight", [2, 2]);
  weights["train.dense_head.0.weight"] = new Float32Array(4);
  return { weights, shapeOf: (name) => shapes.get(name) ?? [] };
}

/**
 * A folder with a model of the embedded one's real shape that knows one sentence: layers add nothing to what comes in,
 * and the output table names for each token of SAID the one behind it.
 */
export async function standInPocket(options: { readonly calibration?: unknown } = {}): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "minicpmv-pocket-"));
  const { weights, shapeOf } = await randomWeights(7);
  const tokenizer = tokenizerFromJson(await readJson("tokenizer.json"), await readJson("tokenizer_config.json"));
  const random = seededRandom(11);
  for (const [name, values] of Object.entries(weights)) {
    if (/llm\..*(o_proj|down_proj)\.weight$/.test(name)) values.fill(0);
    if (name === "llm.model.embed_tokens.weight") for (let i = 0; i < values.length; i++) values[i] = random.normal();
    if (name === "llm.lm_head.weight") values.fill(0);
  }
  const width = shapeOf("llm.model.norm.weight")[0];
  const embedding = weights["llm.model.embed_tokens.weight"];
  const output = weights["llm.lm_head.weight"];
  const lineEnd = tokenizer.encode("\n").at(-1) ?? tokenId(0); // the prompt's last token
  const said = [lineEnd, ...tokenizer.encode(SAID, { parseSpecial: true }), tokenizer.idOf("<|im_end|>")];
  for (let i = 1; i < said.length; i++) {
    for (let d = 0; d < width; d++) {
      output[said[i] * width + d] = (STRENGTH * embedding[said[i - 1] * width + d]) / Math.sqrt(width);
    }
  }
  const checkpointPath = join(folder, "checkpoint");
  await writeTensors(checkpointPath, weights, shapeOf);
  const checkpoint = await openCheckpoint(await openFileSource(checkpointPath));
  await writeGgufPair(
    {
      language: await fileSink(join(folder, "pocket.gguf")),
      vision: await fileSink(join(folder, "mmproj-pocket.gguf")),
    },
    {
      config: await readJson("config.json"),
      checkpoint,
      preset: "Q8_0",
      tokenizer: await readJson("tokenizer.json"),
      tokenizerConfig: await readJson("tokenizer_config.json"),
    },
  );
  await checkpoint.close();
  for (const name of ["config.json", "tokenizer.json", "preprocessor_config.json"]) {
    await copyFile(join(POCKET, name), join(folder, name));
  }
  if (options.calibration !== undefined) {
    await writeFile(join(folder, "calibration.json"), JSON.stringify(options.calibration));
  }
  return folder;
}
