import { startNodeWorker } from "../../../src/backend/wasm/start-node-worker.ts";
import { createWasmBackend } from "../../../src/backend/wasm/wasm-backend.ts";
import { bindModel } from "../../../src/model/bind-model.ts";
import { decoderGraph } from "../../../src/model/decoder/decoder.ts";
import { describeModel, type ModelFiles } from "../../../src/model/minicpmv/registry.ts";
import type { ModelDescription, ModelOptions } from "../../../src/model/minicpmv/version.ts";
import { DecoderRunner } from "../../../src/runtime/decoder-runner.ts";
import { VisionRunner } from "../../../src/runtime/vision-runner.ts";
import type { Backend, Precision, ResidentWeight } from "../../../src/tensor/backend.ts";
import { oracleBackend } from "../../../src/tensor/oracle-backend.ts";
import { weightUses } from "../../../src/tensor/weight-uses.ts";
import { dequantise } from "../../../src/weights/quant/dequantise.ts";

/** Small enough that a tiny model's layers lie in many memories, with borders within layers. */
export const SCATTERED = { memoryCount: 12, memories: { weightBytes: 2 ** 17 } } as const;

/** Backends that the ladder is climbed on. */
export const BACKENDS = {
  oracle: async () => oracleBackend(dequantise),
  "wasm, inline": () => createWasmBackend({ decode: dequantise }),
  "wasm, 2 threads": () => createWasmBackend({ decode: dequantise, startWorker: startNodeWorker, threadCount: 2 }),
  "wasm, 12 memories": () => createWasmBackend({ decode: dequantise, ...SCATTERED }),
} as const satisfies Readonly<Record<string, () => Promise<Backend>>>;

export type BackendName = keyof typeof BACKENDS;

/** A described model with its weights on a backend and both runners recorded. */
export interface OpenModel extends Disposable {
  readonly description: ModelDescription;
  readonly vision: VisionRunner;
  readonly decoder: DecoderRunner;
}

const CAPACITY = {
  tokens: 1,
  selected: 1,
  sequences: 2,
  pagesPerSequence: 8,
  pageSize: 64,
  slotCount: 64,
  cacheType: "f32",
} as const;

/** Opens a tiny model on a backend, which is disposed with it. */
export async function openModel(
  files: ModelFiles,
  settings: {
    readonly backend: Backend;
    readonly options?: ModelOptions;
    readonly batch: VisionBatchOfTest;
    readonly precision?: Precision;
  },
): Promise<OpenModel> {
  const { backend, batch } = settings;
  const description = await describeModel(files, settings.options);
  const graphs = {
    vision: [description.encoder.graph(batch)],
    decoder: [decoderGraph(description.decoder, CAPACITY)],
  };
  const sources = bindModel(description, files, graphs);
  const uses = weightUses([...graphs.vision, ...graphs.decoder]);
  const weights: Record<string, ResidentWeight> = {};
  for (const [name, source] of [...sources.vision, ...sources.decoder]) {
    weights[name] = await backend.upload(source, { precision: settings.precision ?? "float", uses: uses[name] });
  }
  const { encoder } = description;
  const vision = new VisionRunner({ encoder, backend, weights, batch, taps: Object.keys(graphs.vision[0].taps) });
  const decoder = new DecoderRunner({
    config: description.decoder,
    backend,
    weights,
    contextLength: 1024,
    cacheType: "f32",
    capacities: [1, 1024],
    taps: Object.keys(graphs.decoder[0].taps),
  });
  return {
    description,
    vision,
    decoder,
    [Symbol.dispose]: () => {
      vision[Symbol.dispose]();
      decoder[Symbol.dispose]();
      backend[Symbol.dispose]();
    },
  };
}

interface VisionBatchOfTest {
  readonly views: number;
  readonly patches: number;
}
