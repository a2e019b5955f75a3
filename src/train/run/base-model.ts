import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { UnsupportedError } from "../../base/errors.ts";
import { openFileSource } from "../../io/node/file-source.ts";
import { ConfigJson } from "../../model/config-json.ts";
import { describeModel } from "../../model/minicpmv/registry.ts";
import type { ModelDescription, VersionId } from "../../model/minicpmv/version.ts";
import { hfSource } from "../../model/source/hf-source.ts";
import { plainResampler } from "../../model/source/model-source.ts";
import { bindWeights } from "../../model/weight-binding.ts";
import { sizeOf } from "../../tensor/definition.ts";
import type { Graph } from "../../tensor/graph.ts";
import type { Tokenizer } from "../../tokenizer/tokenizer.ts";
import { tokenizerFromJson } from "../../tokenizer/tokenizer-json.ts";
import { Checkpoint } from "../../weights/checkpoint.ts";
import { Metadata } from "../../weights/metadata.ts";
import { openCheckpoint } from "../../weights/open-checkpoint.ts";
import { dequantise } from "../../weights/quant/dequantise.ts";
import { WeightReader } from "../../weights/weight-reader.ts";
import { CHAT_FORMS, type ChatForm } from "../data/encode-chat.ts";
import type { TrainedModel } from "../training-graph.ts";
import { type GgufPair, openGgufPair } from "./gguf-weights.ts";

/** What training has to know of a version besides its shapes. */
interface Trainable {
  readonly form: ChatForm;
  readonly schema: "nested" | "flat";
  readonly queryCount: number;
}

const TRAINABLE: Readonly<Partial<Record<VersionId, Trainable>>> = {
  "2.5": { form: CHAT_FORMS.llama3, schema: "nested", queryCount: 96 },
  "2.6": { form: CHAT_FORMS.chatml, schema: "flat", queryCount: 64 },
  "4.0": { form: CHAT_FORMS.chatml, schema: "flat", queryCount: 64 },
};

/** A published model, or one of this project, that training starts from. */
export interface BaseModel extends Trainable {
  readonly model: TrainedModel;
  readonly description: ModelDescription;
  readonly tokenizer: Tokenizer;
  /** config.json, tokenizer.json and what else belongs beside new weights. */
  readonly texts: Readonly<Record<string, string>>;
  /** Weights that the graph asks for, read as float32; undefined where the folder has none, so that training starts anew. */
  weights(graph: Graph): Promise<Record<string, Float32Array> | undefined>;
  close(): Promise<void>;
}

/** Files that are handed on with new weights where they are there. */
const COPIED = ["tokenizer_config.json", "preprocessor_config.json", "generation_config.json"];

/** Opens a folder in the published form, with safetensors, a GGUF pair or no weights. Throws UnsupportedError for versions that cannot be trained here. */
export async function openBaseModel(folder: string): Promise<BaseModel> {
  const read = (name: string): Promise<string> => readFile(join(folder, name), "utf8");
  const texts: Record<string, string> = {
    "config.json": await read("config.json"),
    "tokenizer.json": await read("tokenizer.json"),
  };
  for (const name of COPIED) {
    const text = await read(name).catch(() => undefined); // optional in every release
    if (text !== undefined) texts[name] = text;
  }
  const { checkpoint, pair } = await openWeights(folder);
  const close = async (): Promise<void> => {
    await checkpoint.close();
    await pair?.close();
  };
  const config = new ConfigJson(JSON.parse(texts["config.json"]));
  const description = await describeModel({ config, language: checkpoint }, { positions: "ownStrip" });
  const trainable = TRAINABLE[description.version];
  if (trainable === undefined) {
    await close();
    throw new UnsupportedError(
      `${description.title} cannot be trained here.`,
      `Start from one of: ${Object.keys(TRAINABLE).join(", ")}.`,
    );
  }
  const resampler = plainResampler(hfSource(config, checkpoint), trainable.queryCount);
  return {
    ...trainable,
    queryCount: resampler.queryCount,
    model: { vision: description.encoder.config, resampler, decoder: description.decoder },
    description,
    tokenizer: tokenizerFromJson(JSON.parse(texts["tokenizer.json"])),
    texts,
    weights: async (graph) => {
      if (pair !== undefined) return pair.weights(graph);
      return checkpoint.names.length === 0 ? undefined : readWeights(checkpoint, description, graph);
    },
    close,
  };
}

/** Weights of a folder; without `tensors` where there are none and training starts anew. */
interface StartWeights {
  readonly checkpoint: Checkpoint;
  /** Of a GGUF pair. */
  readonly pair?: GgufPair;
}

async function openWeights(folder: string): Promise<StartWeights> {
  const open = (name: string) => openFileSource(join(folder, name));
  const found = await readdir(folder);
  const first = ["model.safetensors", "model.safetensors.index.json"].find((name) => found.includes(name));
  if (first !== undefined) return { checkpoint: await openCheckpoint(await open(first), { openSibling: open }) };
  const pair = await openGgufPair(folder, found);
  return { checkpoint: noCheckpoint(), ...(pair === undefined ? {} : { pair }) };
}

/** A checkpoint without tensors: config.json alone says what the model is. */
function noCheckpoint(): Checkpoint {
  const fileName = "model.safetensors";
  const metadata = new Metadata(fileName, new Map());
  return new Checkpoint({ fileName, container: "safetensors", metadata, tensors: [], sources: [] });
}

async function readWeights(
  checkpoint: Checkpoint,
  { naming, computed }: ModelDescription,
  graph: Graph,
): Promise<Record<string, Float32Array>> {
  const reader = new WeightReader(checkpoint);
  const sources = bindWeights([graph], { reader, naming: naming.language, computed });
  const weights: Record<string, Float32Array> = {};
  for (const [name, source] of sources) {
    if (name.startsWith("computed.")) continue;
    const count = sizeOf(source.shape);
    const rows = source.shape.length < 2 ? 1 : sizeOf(source.shape.slice(0, -1));
    weights[name] = Float32Array.from(dequantise(source.type, await source.readRows(0, rows), count));
  }
  return weights;
}
