// Our engine in a dedicated worker, as the web client runs it.
import { startWebWorker } from "../../src/backend/wasm/start-web-worker.ts";
import { createWasmBackend } from "../../src/backend/wasm/wasm-backend.ts";
import { seededRandom } from "../../src/base/random.ts";
import { bindModel } from "../../src/model/bind-model.ts";
import { describeModel } from "../../src/model/minicpmv/registry.ts";
import { DecoderRunner, decoderGraphs } from "../../src/runtime/decoder-runner.ts";
import { openFiles } from "../../src/runtime/open-files.ts";
import { webPlatform } from "../../src/runtime/web/web-platform.ts";
import type { ResidentWeight } from "../../src/tensor/backend.ts";
import { weightUses } from "../../src/tensor/weight-uses.ts";
import { dequantise } from "../../src/weights/quant/dequantise.ts";
import { type EngineTask, type PageRates, PLAIN_LETTERS } from "./work.ts";

const CONTEXT = 1024;
const VIEW_PATCHES = 1024;

self.addEventListener("message", (event: MessageEvent<EngineTask>) => {
  measure(event.data).then(
    (rates) => self.postMessage(rates),
    (error: unknown) => self.postMessage({ error: error instanceof Error ? (error.stack ?? error.message) : "failed" }),
  );
});

async function openDecoder({ work, language, vision }: EngineTask) {
  const files = await openFiles({ language, vision, companion: async () => undefined }, webPlatform());
  const description = await describeModel(files);
  const options = { config: description.decoder, contextLength: CONTEXT, cacheType: "f16" } as const;
  const graphs = decoderGraphs(options).map(({ graph }) => graph);
  const encoder = [description.encoder.graph({ views: 1, patches: VIEW_PATCHES })];
  const sources = bindModel(description, files, { vision: encoder, decoder: graphs });
  const backend = await createWasmBackend({
    decode: dequantise,
    startWorker: startWebWorker,
    threadCount: work.threads,
  });
  const uses = weightUses(graphs);
  const weights: Record<string, ResidentWeight> = {};
  for (const [name, source] of sources.decoder) {
    weights[name] = await backend.upload(source, { precision: "integer", uses: uses[name] ?? ["plain"] });
  }
  const decoder = new DecoderRunner({ ...options, backend, weights });
  return { decoder, tokenizer: files.tokenizer, description: backend.info.description };
}

async function measure(task: EngineTask): Promise<PageRates> {
  const { promptTokens, answerTokens, samples, seed, errorPrompt } = task.work;
  const { decoder, tokenizer, description } = await openDecoder(task);
  const random = seededRandom(seed);
  const sequence = decoder.open();
  const logits = [...(await decoder.step([{ sequence, ids: tokenizer.encode(errorPrompt) }]))];
  const rates = { prefill: [] as number[], decode: [] as number[], description, logits };
  for (let sample = 0; sample <= samples; sample++) {
    const prompt = Array.from({ length: promptTokens }, () => PLAIN_LETTERS[random.below(PLAIN_LETTERS.length)]);
    const ids = tokenizer.encode(prompt.join(""));
    if (ids.length !== promptTokens) throw new Error(`the prompt has ${ids.length} tokens, not ${promptTokens}`);
    sequence.truncate(0);
    const start = performance.now();
    let next = largest(await decoder.step([{ sequence, ids }]));
    const filled = performance.now();
    for (let i = 0; i < answerTokens; i++) next = largest(await decoder.step([{ sequence, ids: [next] }]));
    const end = performance.now();
    if (sample === 0) continue;
    rates.prefill.push((promptTokens * 1000) / (filled - start));
    rates.decode.push((answerTokens * 1000) / (end - filled));
  }
  return rates;
}

/** Greedy choice, as the other engine is asked for at temperature 0. */
function largest(logits: Float32Array): number {
  let best = 0;
  for (let i = 1; i < logits.length; i++) if (logits[i] > logits[best]) best = i;
  return best;
}
