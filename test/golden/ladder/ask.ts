import { readFile } from "node:fs/promises";
import { decodeImage } from "../../../src/image/decode-image.ts";
import { patchify } from "../../../src/image/patchify.ts";
import { memorySource } from "../../../src/io/memory-source.ts";
import type { ModelFiles } from "../../../src/model/minicpmv/registry.ts";
import type { ModelOptions } from "../../../src/model/minicpmv/version.ts";
import type { ByteSink } from "../../../src/quantize/byte-sink.ts";
import type { QuantisePreset } from "../../../src/quantize/mixture.ts";
import { quantiseFile } from "../../../src/quantize/quantise-file.ts";
import type { Precision } from "../../../src/tensor/backend.ts";
import type { Checkpoint } from "../../../src/weights/checkpoint.ts";
import { openCheckpoint } from "../../../src/weights/open-checkpoint.ts";
import { argmax, cutViews } from "./climb.ts";
import { openGoldenFile } from "./harness.ts";
import { BACKENDS, openModel } from "./open-model.ts";

export interface Answer {
  readonly lastLogits: readonly number[];
  readonly greedyTokens: readonly number[];
}

/** What torch answers with the weights of the GGUF pair, in float64. */
export interface TorchAnswer extends Answer {
  readonly inputIds: readonly number[];
  readonly promptTokens: number;
  /** 2.5 with the 2-D positions that llama.cpp gives it. */
  readonly withGridPositions?: Answer;
}

/** A prompt and how it is to be computed. */
export interface Asked {
  readonly ids: readonly number[];
  readonly options: ModelOptions;
  readonly precision?: Precision;
}

/** Logits after the prompt and 64 greedy tokens on square.png, whose 448 pixels no implementation resizes. */
export async function answer(files: ModelFiles, picture: string, { ids, options, precision }: Asked): Promise<Answer> {
  const backend = await BACKENDS["wasm, inline"]();
  using model = await openModel(files, {
    backend,
    options,
    batch: { views: 1, patches: 1152 },
    precision: precision ?? "float",
  });
  const { image } = await decodeImage(await readFile(picture));
  const views = cutViews(image, model.description.slicing).map((view) => patchify(view));
  const [{ rows, tokenCount }] = await model.vision.encode(views);
  const start = ids.findIndex((id, i) => id === ids[i + 1] && id === ids[i + 2]);
  const at = Array.from({ length: tokenCount }, (_, i) => start + i);
  using sequence = model.decoder.open();
  const lastLogits = Array.from(await model.decoder.step([{ sequence, ids, visual: { rows, at } }]));
  const greedyTokens: number[] = [];
  let logits: ArrayLike<number> = lastLogits;
  for (let i = 0; i < 64; i++) {
    greedyTokens.push(argmax(logits));
    logits = await model.decoder.step([{ sequence, ids: greedyTokens.slice(-1) }]);
  }
  return { lastLogits, greedyTokens };
}

/** Both files of a folder's pair; the caller closes them. */
export async function openPair(folder: string) {
  return {
    language: await openGoldenFile(folder, "gguf/model-f16.gguf"),
    vision: await openGoldenFile(folder, "gguf/mmproj-model-f16.gguf"),
  };
}

/** Writes a checkpoint as a GGUF file in memory and opens it again. */
export async function written(checkpoint: Checkpoint, preset: QuantisePreset): Promise<Checkpoint> {
  const chunks: Uint8Array[] = [];
  const sink: ByteSink = {
    name: checkpoint.fileName,
    write: async (bytes) => void chunks.push(bytes.slice()),
    commit: async () => {},
    abort: async () => {},
  };
  await quantiseFile(checkpoint, sink, preset);
  const whole = new Uint8Array(await new Blob(chunks as Uint8Array<ArrayBuffer>[]).arrayBuffer());
  return openCheckpoint(memorySource(whole, checkpoint.fileName));
}
