import { startNodeWorker } from "../../src/backend/wasm/start-node-worker.ts";
import { createWasmBackend } from "../../src/backend/wasm/wasm-backend.ts";
import { openSource } from "../../src/io/node/open-source.ts";
import { ggufLanguageNaming } from "../../src/model/naming/gguf.ts";
import { ggufDecoder } from "../../src/model/source/gguf-source.ts";
import { bindWeights } from "../../src/model/weight-binding.ts";
import { DecoderRunner, decoderGraphs } from "../../src/runtime/decoder-runner.ts";
import type { Precision, ResidentWeight } from "../../src/tensor/backend.ts";
import { weightUses } from "../../src/tensor/weight-uses.ts";
import { ggufVocabulary } from "../../src/tokenizer/gguf-vocabulary.ts";
import type { Tokenizer } from "../../src/tokenizer/tokenizer.ts";
import { tokenizerFromGguf } from "../../src/tokenizer/tokenizer-gguf.ts";
import type { Checkpoint } from "../../src/weights/checkpoint.ts";
import { openCheckpoint } from "../../src/weights/open-checkpoint.ts";
import { dequantise } from "../../src/weights/quant/dequantise.ts";
import { WeightReader } from "../../src/weights/weight-reader.ts";

/** A language model without a tower, as MiniCPM-V's own decoders are run. */
export interface LanguageModel extends AsyncDisposable {
  readonly tokenizer: Tokenizer;
  readonly decoder: DecoderRunner;
}

/** Opens a GGUF language model of the Llama architecture on two threads, its cache in float32. */
export async function openLanguageModel(path: string, precision: Precision): Promise<LanguageModel> {
  const checkpoint = await openCheckpoint(await openSource(path));
  const config = await ggufDecoder(checkpoint);
  const backend = await createWasmBackend({ decode: dequantise, startWorker: startNodeWorker, threadCount: 2 });
  const options = { config, contextLength: 1024, cacheType: "f32", capacities: [1, 512], selectedRows: 512 } as const;
  const graphs = decoderGraphs(options).map(({ graph }) => graph);
  const reader = new WeightReader(checkpoint);
  const naming = ggufLanguageNaming(checkpoint.metadata.string("general.architecture") ?? "");
  const sources = bindWeights(graphs, { reader, naming, computed: () => undefined });
  reader.finish();
  const uses = weightUses(graphs);
  const weights: Record<string, ResidentWeight> = {};
  for (const [name, source] of sources) {
    const isMatrix = uses[name].includes("linear") && source.type !== "F32";
    weights[name] = await backend.upload(source, { precision: isMatrix ? precision : "float", uses: uses[name] });
  }
  const decoder = new DecoderRunner({ ...options, backend, weights });
  return {
    tokenizer: tokenizerOf(checkpoint),
    decoder,
    [Symbol.asyncDispose]: async () => {
      decoder[Symbol.dispose]();
      backend[Symbol.dispose]();
      await checkpoint.close();
    },
  };
}

function tokenizerOf(checkpoint: Checkpoint): Tokenizer {
  const vocabulary = ggufVocabulary((key) => {
    const value = checkpoint.metadata.values.get(key);
    if (value?.type !== "array") return value?.value;
    return value.array.values;
  });
  return tokenizerFromGguf(vocabulary);
}
