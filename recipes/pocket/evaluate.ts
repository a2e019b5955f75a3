// Measures a trained checkpoint on the fixed evaluation sets. usage:
// node evaluate.ts WEIGHTS.safetensors [--sets lines-in-domain,values-in-domain] [--limit 50] [--show 5] [--out FILE.json]
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { startNodeWorker } from "../../src/backend/wasm/start-node-worker.ts";
import { createWasmBackend } from "../../src/backend/wasm/wasm-backend.ts";
import { tokenId } from "../../src/base/brand.ts";
import { decoderGraph } from "../../src/model/decoder/decoder.ts";
import { resamplerEncoder } from "../../src/model/vision/connector.ts";
import { DecoderRunner } from "../../src/runtime/decoder-runner.ts";
import { VisionRunner } from "../../src/runtime/vision-runner.ts";
import type { ResidentWeight } from "../../src/tensor/backend.ts";
import { weightUses } from "../../src/tensor/weight-uses.ts";
import { tokenizerFromJson } from "../../src/tokenizer/tokenizer-json.ts";
import { computedWeights } from "../../src/train/computed-weights.ts";
import { readTensors } from "../../src/train/run-folder.ts";
import { valuesSource } from "../../src/train/trainer.ts";
import { dequantise } from "../../src/weights/quant/dequantise.ts";
import type { Sample } from "./data/types.ts";
import { evalItems } from "./eval-sets.ts";
import { POCKET } from "./pocket-model.ts";
import { prepare } from "./prepare.ts";

const { values: args, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    sets: { type: "string", default: "lines-in-domain,values-in-domain,lines-held-out-fonts" },
    limit: { type: "string", default: "40" },
    show: { type: "string", default: "4" },
    out: { type: "string" },
  },
});

const MOST_TOKENS = 160;
const CONTEXT = 2048;
const QUERIES = POCKET.resampler.queryCount;

const tokenizer = tokenizerFromJson(
  JSON.parse(readFileSync(join(import.meta.dirname, "../../models/pocket/tokenizer.json"), "utf8")),
);
const end = tokenizer.idOf("<|im_end|>");
const tensors = await readTensors(positionals[0]);
const encoder = resamplerEncoder(POCKET.vision, POCKET.resampler);
const batch = { views: 1, patches: 1200 };
const capacity = {
  tokens: 1,
  selected: 1,
  sequences: 2,
  pagesPerSequence: CONTEXT / 64,
  pageSize: 64,
  slotCount: CONTEXT + 64,
  cacheType: "f32",
} as const;
const graphs = [encoder.graph(batch), decoderGraph(POCKET.decoder, capacity)];
const backend = await createWasmBackend({ decode: dequantise, startWorker: startNodeWorker, threadCount: 1 });
const uses = weightUses(graphs);
const weights: Record<string, ResidentWeight> = {};
for (const graph of graphs) {
  const computed = computedWeights(graph);
  for (const [name, id] of Object.entries(graph.weights)) {
    const shape = graph.values[id].dims.map((d) => d.capacity);
    const data = computed[name] ?? tensors[name];
    weights[name] ??= await backend.upload(valuesSource(name, shape, data), { precision: "float", uses: uses[name] });
  }
}
const vision = new VisionRunner({ encoder, backend, weights, batch });
const decoder = new DecoderRunner({
  config: POCKET.decoder,
  backend,
  weights,
  contextLength: CONTEXT,
  capacities: [1, 512],
});

/** Greedy answer to one question about a picture. */
async function answer(sample: Sample, question: string): Promise<string> {
  const turn = { question, answer: "", task: "read" };
  const { views, ids, visualStarts } = prepare({ ...sample, turns: [turn] }, tokenizer);
  const encoded = await vision.encode(views);
  const prompt = ids.slice(0, -1); // without the empty answer's end
  const sequence = decoder.open();
  const said: number[] = [];
  try {
    let logits = new Float32Array();
    for (let from = 0; from < prompt.length; from += decoder.largestStep) {
      const chunk = prompt.slice(from, from + decoder.largestStep);
      logits = Float32Array.from(
        await decoder.step([{ sequence, ids: chunk, visual: visualRows(from, chunk.length) }]),
      );
    }
    while (said.length < MOST_TOKENS) {
      const best = logits.reduce((top, value, i) => (value > logits[top] ? i : top), 0);
      if (best === end) break;
      said.push(best);
      logits = Float32Array.from(await decoder.step([{ sequence, ids: [best] }]));
    }
  } finally {
    decoder.close(sequence);
  }
  return tokenizer.decode(said.map(tokenId), { skipSpecial: false });

  function visualRows(from: number, count: number) {
    const at: number[] = [];
    const rows: number[] = [];
    for (const [v, start] of visualStarts.entries()) {
      for (let q = 0; q < QUERIES; q++) {
        const place = start + q - from;
        if (place < 0 || place >= count) continue;
        at.push(place);
        rows.push(...encoded[v].rows.subarray(q * POCKET.decoder.width, (q + 1) * POCKET.decoder.width));
      }
    }
    return { rows: Float32Array.from(rows), at };
  }
}

/** Levenshtein distance over characters. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next.push(Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1)));
    }
    row = next;
  }
  return row[b.length];
}

const report: Record<string, { exact: number; characterError: number; count: number }> = {};
for (const set of args.sets.split(",")) {
  let exact = 0;
  let errors = 0;
  let characters = 0;
  let count = 0;
  for (const { sample, turns } of evalItems(set, Number(args.limit))) {
    const [turn] = turns;
    const said = await answer(sample, turn.question);
    count++;
    if (said === turn.answer) exact++;
    errors += distance(said, turn.answer);
    characters += turn.answer.length;
    if (count <= Number(args.show))
      console.log(`${set}: ${JSON.stringify(turn.answer)} read as ${JSON.stringify(said)}`);
  }
  report[set] = {
    exact: Number((exact / count).toFixed(4)),
    characterError: Number((errors / characters).toFixed(4)),
    count,
  };
  console.log(set, JSON.stringify(report[set]));
}
if (args.out !== undefined) writeFileSync(args.out, `${JSON.stringify(report, null, 1)}\n`);
process.exit(0);
