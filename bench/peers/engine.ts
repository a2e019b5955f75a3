// One model on the WebAssembly backend, opened for measuring: both precisions of one file.
import { startNodeWorker } from "../../src/backend/wasm/start-node-worker.ts";
import { createWasmBackend } from "../../src/backend/wasm/wasm-backend.ts";
import { seededRandom } from "../../src/base/random.ts";
import { bindModel } from "../../src/model/bind-model.ts";
import { describeModel } from "../../src/model/minicpmv/registry.ts";
import { DecoderRunner, decoderGraphs } from "../../src/runtime/decoder-runner.ts";
import { nodePlatform } from "../../src/runtime/node/node-platform.ts";
import { type OpenedFiles, openFiles } from "../../src/runtime/open-files.ts";
import { VisionRunner } from "../../src/runtime/vision-runner.ts";
import type { Backend, Precision, ResidentWeight, WeightSource } from "../../src/tensor/backend.ts";
import { weightUses } from "../../src/tensor/weight-uses.ts";
import { dequantise } from "../../src/weights/quant/dequantise.ts";
import type { SyntheticPair } from "./synthetic-model.ts";

const CONTEXT = 1024;
const VIEW_SIDE = 32;
const PATCH_VALUES = 588;
const SEED = 3;

/** A model ready to be timed. Dispose it to give the memory back. */
export interface MeasuredModel extends Disposable {
  readonly description: string;
  readonly loadMs: number;
  readonly weightBytes: number;
  readonly residentBytes: number;
  /** Runs `count` tokens through an empty cache and gives the last logits. */
  prefill(count: number): Promise<Float32Array>;
  /** Logits of the token after `prompt`, and the prompt's ids. */
  answer(prompt: string): Promise<{ readonly ids: readonly number[]; readonly logits: Float32Array }>;
  /** One more token after a prefill. */
  decode(): Promise<Float32Array>;
}

export interface MeasuredEncoder extends Disposable {
  readonly loadMs: number;
  /** Encodes one view of 448 × 448 pixels. */
  encode(): Promise<Float32Array>;
}

interface OpenOptions {
  readonly pair: SyntheticPair;
  readonly threadCount: number;
  readonly precision: Precision;
}

const createBackend = (threadCount: number): Promise<Backend> =>
  createWasmBackend({ decode: dequantise, startWorker: startNodeWorker, threadCount });

async function openPair(pair: SyntheticPair) {
  const companion = async () => undefined;
  const parts = { language: pair.language, vision: pair.projector, companion };
  const files = await openFiles(parts, nodePlatform());
  return { files, description: await describeModel(files) };
}

async function closeFiles({ language, vision }: OpenedFiles): Promise<void> {
  await language.close();
  await vision?.close();
}

async function uploadAll(
  backend: Backend,
  sources: ReadonlyMap<string, WeightSource>,
  { uses, precision }: { readonly uses: ReturnType<typeof weightUses>; readonly precision: Precision },
): Promise<Record<string, ResidentWeight>> {
  const weights: Record<string, ResidentWeight> = {};
  for (const [name, source] of sources) {
    weights[name] = await backend.upload(source, { precision, uses: uses[name] ?? ["plain"] });
  }
  return weights;
}

/** Opens the language model of a pair. */
export async function openLanguageModel({ pair, threadCount, precision }: OpenOptions): Promise<MeasuredModel> {
  const { files, description } = await openPair(pair);
  const options = { config: description.decoder, contextLength: CONTEXT, cacheType: "f16" } as const;
  const graphs = decoderGraphs(options).map(({ graph }) => graph);
  const vision = [description.encoder.graph({ views: 1, patches: VIEW_SIDE ** 2 })];
  const sources = bindModel(description, files, { vision, decoder: graphs });
  const backend = await createBackend(threadCount);
  const start = performance.now();
  const weights = await uploadAll(backend, sources.decoder, { uses: weightUses(graphs), precision });
  const loadMs = performance.now() - start;
  await closeFiles(files);
  const weightBytes = Object.values(weights).reduce((sum, weight) => sum + weight.residentBytes, 0);
  const decoder = new DecoderRunner({ ...options, backend, weights });
  const sequence = decoder.open();
  const random = seededRandom(SEED);
  return {
    description: `${backend.info.description}, ${precision}`,
    loadMs,
    weightBytes,
    residentBytes: backend.residentBytes,
    prefill: (count) => {
      sequence.truncate(0);
      return decoder.step([{ sequence, ids: Array.from({ length: count }, (_, i) => (i * 37) % 256) }]);
    },
    answer: async (prompt) => {
      const ids = files.tokenizer.encode(prompt);
      sequence.truncate(0);
      return { ids, logits: (await decoder.step([{ sequence, ids }])).slice() };
    },
    decode: () => decoder.step([{ sequence, ids: [random.below(256)] }]),
    [Symbol.dispose]: () => {
      decoder[Symbol.dispose]();
      backend[Symbol.dispose]();
    },
  };
}

/** Opens the vision encoder of a pair. */
export async function openEncoder({ pair, threadCount, precision }: OpenOptions): Promise<MeasuredEncoder> {
  const { files, description } = await openPair(pair);
  const batch = { views: 1, patches: VIEW_SIDE ** 2 };
  const graphs = [description.encoder.graph(batch)];
  const decoder = decoderGraphs({ config: description.decoder, contextLength: CONTEXT }).map(({ graph }) => graph);
  const sources = bindModel(description, files, { vision: graphs, decoder });
  const backend = await createBackend(threadCount);
  const start = performance.now();
  const weights = await uploadAll(backend, sources.vision, { uses: weightUses(graphs), precision });
  const loadMs = performance.now() - start;
  await closeFiles(files);
  const vision = new VisionRunner({ encoder: description.encoder, backend, weights, batch });
  const random = seededRandom(SEED);
  const values = Float32Array.from({ length: VIEW_SIDE ** 2 * PATCH_VALUES }, () => random.next() * 2 - 1);
  const view = { values, grid: { rows: VIEW_SIDE, columns: VIEW_SIDE } };
  return {
    loadMs,
    encode: async () => (await vision.encode([view]))[0].rows,
    [Symbol.dispose]: () => {
      vision[Symbol.dispose]();
      backend[Symbol.dispose]();
    },
  };
}
