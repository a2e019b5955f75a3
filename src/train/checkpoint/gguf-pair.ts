import { memorySource } from "../../io/memory-source.ts";
import { ConfigJson } from "../../model/config-json.ts";
import { exportGguf } from "../../model/export/export-gguf.ts";
import type { TokenizerFiles } from "../../model/export/tokenizer-metadata.ts";
import type { ByteSink } from "../../quantize/byte-sink.ts";
import { quantise } from "../../quantize/encode/quantise.ts";
import type { QuantisePreset } from "../../quantize/mixture.ts";
import { quantiseFile } from "../../quantize/quantise-file.ts";
import { Checkpoint, tensorAt } from "../../weights/checkpoint.ts";
import { Metadata } from "../../weights/metadata.ts";
import { dequantise } from "../../weights/quant/dequantise.ts";
import { publishedTensors } from "./published.ts";

/** A trained model, to be written as the two files that llama.cpp's family opens. */
export interface GgufPair {
  /** config.json; its `_name_or_path` becomes general.name. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Weights under the names that the graphs give them, as training saves them; what training alone needs is left out. */
  readonly checkpoint: Checkpoint;
  /** Parsed tokenizer.json and tokenizer_config.json. */
  readonly tokenizer: unknown;
  readonly tokenizerConfig: unknown;
  readonly preset: QuantisePreset;
}

/** Where the two files go. */
export interface GgufPairSinks {
  readonly language: ByteSink;
  readonly vision: ByteSink;
}

/** Kept as floats by the presets, and large enough to be halved. */
const HALVED = /^vpm\.embeddings\.(patch|position)_embedding\.weight$/;

/**
 * Writes language model and mmproj. The same weights give the same bytes. Throws what `exportGguf` throws of a weight that is
 * missing or has another size, and what the sinks throw; then neither file is left.
 */
export async function writeGgufPair(sinks: GgufPairSinks, pair: GgufPair): Promise<void> {
  const { config, tokenizer, tokenizerConfig, preset } = pair;
  const files: TokenizerFiles = { tokenizer, config: tokenizerConfig };
  try {
    const checkpoint = await publishedView(pair.checkpoint);
    const name = String(config._name_or_path ?? "");
    const { language, vision } = await exportGguf({
      config: new ConfigJson(config),
      checkpoint,
      tokenizer: files,
      name,
    });
    await quantiseFile(language, sinks.language, preset);
    await quantiseFile(vision, sinks.vision, preset);
  } catch (error) {
    await sinks.language.abort();
    await sinks.vision.abort();
    throw error;
  }
}

/** The checkpoint under the published names and in their shapes, in memory. */
async function publishedView(checkpoint: Checkpoint): Promise<Checkpoint> {
  const weights: Record<string, Float32Array> = {};
  for (const name of checkpoint.names) {
    const { type, shape, read } = checkpoint.tensor(name);
    const count = shape.reduce((product, n) => product * n, 1);
    weights[name] = dequantise(type, await read(), count);
  }
  const { fileName } = checkpoint;
  const tensors = publishedTensors(weights, (name) => checkpoint.tensor(name).shape).map(({ name, shape, values }) => {
    const type = HALVED.test(name) ? "F16" : "F32";
    const bytes = Uint8Array.from(quantise(type, values, shape.at(-1) ?? 1));
    return tensorAt(memorySource(bytes, fileName), { name, type, shape, offsetBytes: 0, byteLength: bytes.length });
  });
  const metadata = new Metadata(fileName, new Map());
  return new Checkpoint({ fileName, container: "safetensors", metadata, tensors, sources: [] });
}
