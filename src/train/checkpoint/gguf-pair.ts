import { present } from "../../base/invariant.ts";
import { ConfigJson } from "../../model/config-json.ts";
import { decoderGraph } from "../../model/decoder/decoder.ts";
import { describeModel } from "../../model/minicpmv/registry.ts";
import type { ModelDescription } from "../../model/minicpmv/version.ts";
import { ggufLanguageNaming, ggufVisionNaming } from "../../model/naming/gguf.ts";
import type { WeightNaming } from "../../model/weight-binding.ts";
import type { ByteSink } from "../../quantize/byte-sink.ts";
import { quantise } from "../../quantize/encode/quantise.ts";
import { type TensorToWrite, writeGguf } from "../../quantize/gguf-writer.ts";
import { chooseTypes, fileTypeOf, type QuantisePreset } from "../../quantize/mixture.ts";
import type { Graph } from "../../tensor/graph.ts";
import type { Checkpoint } from "../../weights/checkpoint.ts";
import { CheckpointEntryError } from "../../weights/errors.ts";
import type { GgufValue } from "../../weights/gguf/value.ts";
import { dequantise } from "../../weights/quant/dequantise.ts";
import type { GgmlType } from "../../weights/quant/formats.ts";
import { type TokenizerFiles, tokenizerMetadata } from "./gguf-tokenizer.ts";

/** A trained model of V-2.6's architecture, to be written as the two files that llama.cpp's family opens. */
export interface GgufPair extends TokenizerFiles {
  /** config.json; its `_name_or_path` becomes general.name. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Weights under the names that the graphs give them, as training saves them; what training alone needs is left out. */
  readonly checkpoint: Checkpoint;
  readonly preset: QuantisePreset;
}

/** Where the two files go. */
export interface GgufPairSinks {
  readonly language: ByteSink;
  readonly vision: ByteSink;
}

const QUANTIZATION_VERSION = 2;
/** clip.minicpmv_version of V-2.6. */
const PROJECTOR_VERSION = 3;
/** Only names and shapes of the weights are wanted of these graphs. */
const SMALL = {
  tokens: 1,
  selected: 1,
  sequences: 1,
  pagesPerSequence: 1,
  pageSize: 64,
  slotCount: 64,
  cacheType: "f32",
} as const;
/** Kept as floats by the presets, and large enough to be halved. */
const HALVED = /^v\.(patch_embd|position_embd)\.weight$/;

/**
 * Writes language model and mmproj. The same weights give the same bytes. Throws CheckpointEntryError for a weight
 * that is missing or has another size, and what the sinks throw.
 */
export async function writeGgufPair(sinks: GgufPairSinks, pair: GgufPair): Promise<void> {
  try {
    const { language, vision } = await filesOf(pair);
    await writeGguf(sinks.language, language.metadata, language.tensors);
    await writeGguf(sinks.vision, vision.metadata, vision.tensors);
  } catch (error) {
    await sinks.language.abort();
    await sinks.vision.abort();
    throw error;
  }
}

interface GgufFile {
  readonly metadata: ReadonlyMap<string, GgufValue>;
  readonly tensors: readonly TensorToWrite[];
}

async function filesOf(pair: GgufPair): Promise<{ readonly language: GgufFile; readonly vision: GgufFile }> {
  const { config, checkpoint, preset } = pair;
  const description = await describeModel({ config: new ConfigJson(config), language: checkpoint });
  const file = { checkpoint, preset, description };
  const language = await tensorsOf(decoderGraph(description.decoder, SMALL), ggufLanguageNaming("qwen2"), file);
  const tower = ggufVisionNaming({ isSwapped: true }); // as published files of V-2.6 have it
  const vision = await tensorsOf(description.encoder.graph({ views: 1, patches: 64 }), tower, file);
  const { width } = description.decoder;
  // readers compute this table; they only ask that its name is there
  vision.push(tensorFrom("resampler.pos_embed_k", [1, width], "F32", new Float32Array(width)));
  const name = String(config._name_or_path ?? "");
  const types = new Map<string, GgufValue>([
    ["general.file_type", u32(fileTypeOf(preset))],
    ["general.quantization_version", u32(QUANTIZATION_VERSION)],
  ]);
  const text = languageMetadata(name, description, config);
  return {
    language: { metadata: new Map([...text, ...types, ...tokenizerMetadata(pair)]), tensors: language },
    vision: { metadata: new Map([...visionMetadata(name, description, config), ...types]), tensors: vision },
  };
}

interface PairFile {
  readonly checkpoint: Checkpoint;
  readonly preset: QuantisePreset;
  readonly description: ModelDescription;
}

async function tensorsOf(
  graph: Graph,
  naming: WeightNaming,
  { checkpoint, preset, description }: PairFile,
): Promise<TensorToWrite[]> {
  const found: { readonly name: string; readonly shape: readonly number[]; readonly values: Float32Array }[] = [];
  for (const [own, id] of Object.entries(graph.weights)) {
    if (description.computed(own) !== undefined) continue;
    const shape = graph.values[id].dims.map((d) => d.capacity);
    const place = present(naming(own, shape), `a place for weight ${own}`);
    const values = await valuesOf(checkpoint, own, shape);
    if (own === "resampler.proj") found.push({ name: place.name, shape, values: transposed(values, shape) });
    else found.push({ name: place.name, shape: place.shape ?? shape, values });
  }
  const types = chooseTypes(
    preset,
    found.map(({ name, shape }) => ({ name, shape, type: HALVED.test(name) ? "F16" : "F32" })),
  );
  return found.map(({ name, shape, values }, i) => tensorFrom(name, shape, types[i], values));
}

async function valuesOf(checkpoint: Checkpoint, name: string, shape: readonly number[]): Promise<Float32Array> {
  const count = shape.reduce((product, n) => product * n, 1);
  if (!checkpoint.has(name)) throw new CheckpointEntryError(checkpoint.fileName, `there is no weight ${name}`);
  const tensor = checkpoint.tensor(name);
  const size = tensor.shape.reduce((product, n) => product * n, 1);
  if (size !== count) {
    const found = `[${tensor.shape.join(",")}], and the model wants [${shape.join(",")}]`;
    throw new CheckpointEntryError(checkpoint.fileName, `weight ${name} is ${found}`);
  }
  return Float32Array.from(dequantise(tensor.type, await tensor.read(), count));
}

/** The files hold the resampler's projection as a linear layer has it, training as the release does: x · proj. */
function transposed(values: Float32Array, [rows, columns]: readonly number[]): Float32Array {
  const out = new Float32Array(values.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) out[column * rows + row] = values[row * columns + column];
  }
  return out;
}

function tensorFrom(name: string, shape: readonly number[], type: GgmlType, values: Float32Array): TensorToWrite {
  return { name, shape, type, chunks: () => [quantise(type, values, shape.at(-1) ?? 1)] };
}

function languageMetadata(
  name: string,
  { decoder }: ModelDescription,
  config: GgufPair["config"],
): Map<string, GgufValue> {
  const count = (key: string, value: number): [string, GgufValue] => [`qwen2.${key}`, u32(value)];
  const number = (key: string, value: number): [string, GgufValue] => [`qwen2.${key}`, f32(value)];
  return new Map([
    ["general.architecture", text("qwen2")],
    ["general.name", text(name)],
    count("context_length", decoder.contextLength),
    count("embedding_length", decoder.width),
    count("block_count", decoder.layerCount),
    count("feed_forward_length", decoder.feedForward),
    count("attention.head_count", decoder.headCount),
    count("attention.head_count_kv", decoder.groupCount),
    count("attention.key_length", decoder.headWidth),
    count("attention.value_length", decoder.headWidth),
    number("attention.layer_norm_rms_epsilon", decoder.eps),
    count("vocab_size", decoder.vocabularySize),
    number("rope.freq_base", Number(config.rope_theta ?? 10000)),
    count("rope.dimension_count", decoder.headWidth),
  ]);
}

function visionMetadata(
  name: string,
  { encoder, slicing, decoder }: ModelDescription,
  config: GgufPair["config"],
): Map<string, GgufValue> {
  const vision = encoder.config;
  const count = (key: string, value: number): [string, GgufValue] => [`clip.vision.${key}`, u32(value)];
  const half: GgufValue = { type: "array", array: { type: "f32", values: new Float32Array(3).fill(0.5) } };
  return new Map([
    ["general.architecture", text("clip")],
    ["general.name", text(`${name} tower`)],
    ["clip.has_text_encoder", { type: "bool", value: false }],
    ["clip.has_vision_encoder", { type: "bool", value: true }],
    ["clip.use_gelu", { type: "bool", value: true }],
    // readers cut pictures into views of this size
    count("image_size", slicing.kind === "adaptive" ? slicing.resolution : slicing.side),
    count("patch_size", vision.patchSize),
    count("embedding_length", vision.width),
    count("feed_forward_length", vision.feedForward),
    count("block_count", vision.layerCount),
    count("attention.head_count", vision.headCount),
    ["clip.vision.attention.layer_norm_epsilon", f32(vision.eps)],
    ["clip.vision.image_mean", half],
    ["clip.vision.image_std", half],
    count("projection_dim", decoder.width),
    ["clip.has_minicpmv_projector", { type: "bool", value: true }],
    ["clip.projector_type", text("resampler")],
    ["clip.minicpmv_version", { type: "i32", value: PROJECTOR_VERSION }],
    ["clip.minicpmv_query_num", u32(Number(config.query_num ?? 64))],
  ]);
}

function u32(value: number): GgufValue {
  return { type: "u32", value };
}

function f32(value: number): GgufValue {
  return { type: "f32", value };
}

function text(value: string): GgufValue {
  return { type: "string", value };
}
