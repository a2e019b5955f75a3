// GGUF pairs of published size with random weights: the names, shapes and types that this project's exporter and mixture give the
// published configurations, so that whole models can be run and timed where the published weights cannot be had.
import { access, mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { ConfigJson } from "../../src/model/config-json.ts";
import { exportGguf } from "../../src/model/export/export-gguf.ts";
import { describeModel } from "../../src/model/minicpmv/registry.ts";
import { type ConfiguredVersion, PUBLISHED_CONFIGS } from "../../src/model/testing/published-configs.ts";
import { type TensorToWrite, writeGguf } from "../../src/quantize/gguf-writer.ts";
import { chooseTypes, fileTypeOf, type QuantisePreset } from "../../src/quantize/mixture.ts";
import { fileSink } from "../../src/quantize/node/file-sink.ts";
import { Checkpoint, type CheckpointTensor } from "../../src/weights/checkpoint.ts";
import { Metadata } from "../../src/weights/metadata.ts";
import { byteLengthOf, type GgmlType } from "../../src/weights/quant/formats.ts";
import { randomBlocks, type SyntheticPair } from "../peers/synthetic-model.ts";
import { bindWeightNames } from "./weight-names.ts";

const TOKENIZERS = new URL("../../test/golden/ladder/", import.meta.url);

export interface ShapedOptions {
  readonly folder: string;
  readonly version: ConfiguredVersion;
  /** Of the language model; the tower stays F16, as it is published. */
  readonly preset?: QuantisePreset;
  /** Decoder layers, where the whole model is too much. */
  readonly layers?: number;
}

/** Writes the pair unless it is there. */
export async function shapedPair({
  folder,
  version,
  preset = "Q4_K_M",
  layers,
}: ShapedOptions): Promise<SyntheticPair> {
  await mkdir(folder, { recursive: true });
  const label = layers === undefined ? version : `${version}-L${layers}`;
  const language = join(folder, `shape-${label}-${preset}.gguf`);
  const projector = join(folder, `mmproj-shape-${version}-F16.gguf`);
  if ((await exists(language)) && (await exists(projector))) return { language, projector };
  const pair = await shapes(version, layers);
  const types = chooseTypes(
    preset,
    pair.language.names.map((name) => pair.language.tensor(name)),
  );
  await write(language, pair.language, { types, fileType: fileTypeOf(preset) });
  const towerTypes = pair.vision.names.map((name) => pair.vision.tensor(name).type);
  await write(projector, pair.vision, { types: towerTypes, fileType: fileTypeOf("F16") });
  return { language, projector };
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

/** The pair as the exporter sees it: names, shapes and metadata, no bytes. */
async function shapes(version: ConfiguredVersion, layers: number | undefined) {
  const config = new ConfigJson(withLayers(PUBLISHED_CONFIGS[version], layers));
  const empty = new Checkpoint({
    fileName: "shape",
    container: "safetensors",
    metadata: new Metadata("shape", new Map()),
    tensors: [],
    sources: [],
  });
  const description = await describeModel({ config, language: empty });
  const tensors = bindWeightNames(description).map(({ name, shape, type }) => emptyTensor(name, shape, type));
  const checkpoint = new Checkpoint({
    fileName: "shape",
    container: "safetensors",
    metadata: new Metadata("shape", new Map()),
    tensors,
    sources: [],
  });
  const readJson = async (file: string): Promise<unknown> =>
    JSON.parse(await readFile(new URL(`v${version}/${file}`, TOKENIZERS), "utf8"));
  const tokenizer = { tokenizer: await readJson("tokenizer.json"), config: await readJson("tokenizer_config.json") };
  return exportGguf({ config, checkpoint, tokenizer, name: `shape of ${version}` });
}

function withLayers(shape: object, layers: number | undefined): object {
  if (layers === undefined) return shape;
  if (!("text_config" in shape)) return { ...shape, num_hidden_layers: layers };
  return { ...shape, text_config: { ...(shape.text_config as object), num_hidden_layers: layers } };
}

function emptyTensor(name: string, shape: readonly number[], type: GgmlType): CheckpointTensor {
  const byteLength = byteLengthOf(
    type,
    shape.reduce((product, n) => product * n, 1),
  );
  const rowBytes = byteLengthOf(type, shape.at(-1) ?? 1);
  const none = (): never => {
    throw new RangeError(`${name} has no bytes`);
  };
  return { name, type, shape, byteLength, rowCount: byteLength / rowBytes, rowBytes, readBytes: none, read: none };
}

// a prime, so that rows of no usual length begin alike
const PATTERN_BLOCKS = { F32: 65_537, F16: 65_537, other: 4099 };

/** Norms scale by one; recurrent states decay. */
function fixedValue(name: string, shape: readonly number[]): number | undefined {
  if (name.endsWith("ssm_a")) return -1;
  const isNorm = shape.length === 1 && /(norm|\bln\d|\bln_\w+|_ln)\.weight$/.test(name);
  return isNorm ? 1 : undefined;
}

async function write(
  path: string,
  checkpoint: Checkpoint,
  { types, fileType }: { readonly types: readonly GgmlType[]; readonly fileType: number },
): Promise<void> {
  const patterns = new Map<GgmlType, Uint8Array>();
  const patternOf = (type: GgmlType): Uint8Array => {
    const known = patterns.get(type);
    if (known !== undefined) return known;
    const made = randomBlocks(type, type === "F32" || type === "F16" ? PATTERN_BLOCKS[type] : PATTERN_BLOCKS.other);
    patterns.set(type, made);
    return made;
  };
  const tensors = checkpoint.names.map((name, i): TensorToWrite => {
    const { shape } = checkpoint.tensor(name);
    const count = shape.reduce((product, n) => product * n, 1);
    const fixed = fixedValue(name, shape);
    const pattern =
      fixed === undefined ? patternOf(types[i]) : new Uint8Array(new Float32Array(count).fill(fixed).buffer);
    return {
      name,
      type: types[i],
      shape,
      *chunks() {
        for (let left = byteLengthOf(types[i], count); left > 0; left -= pattern.length) {
          yield pattern.subarray(0, Math.min(left, pattern.length));
        }
      },
    };
  });
  const metadata = new Map(checkpoint.metadata.values).set("general.file_type", { type: "u32", value: fileType });
  await writeGguf(await fileSink(path), metadata, tensors);
}
