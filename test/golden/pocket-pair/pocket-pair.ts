import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { float16ToNumber, numberToFloat16 } from "../../../src/base/float16.ts";
import { seededRandom } from "../../../src/base/random.ts";
import { rgbImage } from "../../../src/image/rgb-image.ts";
import { memorySource } from "../../../src/io/memory-source.ts";
import { ConfigJson } from "../../../src/model/config-json.ts";
import { decoderGraph } from "../../../src/model/decoder/decoder.ts";
import { exportGguf } from "../../../src/model/export/export-gguf.ts";
import { describeModel } from "../../../src/model/minicpmv/registry.ts";
import { fakeCheckpoint } from "../../../src/model/testing/fake-checkpoint.ts";
import type { ByteSink } from "../../../src/quantize/byte-sink.ts";
import { quantiseFile } from "../../../src/quantize/quantise-file.ts";
import { writeSafetensors } from "../../../src/quantize/safetensors-writer.ts";
import { publishedTensors } from "../../../src/train/checkpoint/published.ts";
import type { Checkpoint } from "../../../src/weights/checkpoint.ts";
import { openCheckpoint } from "../../../src/weights/open-checkpoint.ts";

/** Side of the picture: one view of the model, which no implementation resizes. */
export const PICTURE_SIDE = 224;
export const QUERY_COUNT = 64;
export const PAIR_SEED = 1;
export const PROMPT = "<|im_start|>user\n<__media__>\nRead this.<|im_end|>\n<|im_start|>assistant\n";

/** Text of a file beside this one. */
export function pairFile(name: string): Promise<string> {
  return readFile(fileURLToPath(new URL(`./${name}`, import.meta.url)), "utf8");
}

/** Blocks of random colours: every patch differs from its neighbours. */
export function testPicture(side = PICTURE_SIDE, seed = 5) {
  const random = seededRandom(seed);
  const levels = Uint8Array.from({ length: 3 * (side / 7) ** 2 }, () => random.below(256));
  const data = new Uint8Array(3 * side * side);
  for (let i = 0; i < data.length; i++) {
    const [pixel, channel] = [Math.floor(i / 3), i % 3];
    const [row, column] = [Math.floor(pixel / side / 7), Math.floor((pixel % side) / 7)];
    data[i] = levels[(row * (side / 7) + column) * 3 + channel];
  }
  return rgbImage(side, side, data);
}

/** Random weights of the embedded model's shape under published names, every value exact in float16. */
async function randomCheckpoint(seed: number) {
  const config = new ConfigJson(JSON.parse(await pairFile("config.json")));
  const { encoder, decoder } = await describeModel({ config, language: fakeCheckpoint({ container: "safetensors" }) });
  const capacity = { tokens: 1, selected: 1, sequences: 1, pagesPerSequence: 1, pageSize: 1, slotCount: 1 };
  const graphs = [encoder.graph({ views: 1, patches: 4 }), decoderGraph(decoder, { ...capacity, cacheType: "f32" })];
  const shapes = new Map<string, readonly number[]>();
  for (const graph of graphs) {
    for (const [name, id] of Object.entries(graph.weights)) {
      if (!name.startsWith("computed."))
        shapes.set(
          name,
          graph.values[id].dims.map((d) => d.capacity),
        );
    }
  }
  const weights = Object.fromEntries(
    [...shapes]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, shape], i) => [name, randomWeight(name, shape, seed * 1000 + i)]),
  );
  await keepPrintable(weights["llm.lm_head.weight"]);
  const tensors = publishedTensors(weights, (name) => shapes.get(name) ?? []);
  const chunks: Uint8Array[] = [];
  await writeSafetensors(
    bytesInto(chunks, "model.safetensors"),
    tensors.map(({ name, shape, values }) => ({
      name,
      shape,
      type: "F32",
      chunks: async function* () {
        yield new Uint8Array(values.buffer);
      },
    })),
  );
  const checkpoint = await openCheckpoint(memorySource(joined(chunks), "model.safetensors"));
  return { config, checkpoint };
}

/** The pair as `src/model/export` makes it and `quantiseFile` writes it, in float16. */
export async function pairBytes(seed: number) {
  const tokenizer = {
    tokenizer: JSON.parse(await pairFile("tokenizer.json")),
    config: JSON.parse(await pairFile("tokenizer_config.json")),
  };
  const pair = await exportGguf({ ...(await randomCheckpoint(seed)), tokenizer, name: "minicpmv/pocket" });
  return { language: await gguf(pair.language), vision: await gguf(pair.vision) };
}

async function gguf(checkpoint: Checkpoint): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  await quantiseFile(checkpoint, bytesInto(chunks, checkpoint.fileName), "F16");
  return joined(chunks);
}

/** Collects what is written. */
function bytesInto(chunks: Uint8Array[], name: string): ByteSink {
  return {
    name,
    write: async (bytes) => void chunks.push(bytes.slice()),
    commit: async () => undefined,
    abort: async () => undefined,
  };
}

function joined(chunks: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(chunks.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}

/** Norms near one, biases small, maps that keep their input's size; the head is large, so that choices are clear. */
function randomWeight(name: string, shape: readonly number[], seed: number): Float32Array<ArrayBuffer> {
  const random = seededRandom(seed);
  const count = shape.reduce((n, d) => n * d, 1);
  const isVector = shape.length < 2;
  const isScale = isVector && name.endsWith("weight");
  const deviation = isVector ? 0.1 : deviationOf(name, shape[shape.length - 1]);
  return Float32Array.from({ length: count }, () => rounded((isScale ? 1 : 0) + deviation * random.normal()));
}

function deviationOf(name: string, into: number): number {
  if (name.includes("embed_tokens")) return 1;
  if (name.includes("position_embedding")) return 0.5;
  // attention that tells places apart, or the mean of 64 visual rows is all that is seen
  const isPointed = /(\.|_)[qk](_proj)?\.weight$/.test(name);
  return (name.includes("lm_head") ? 4 : isPointed ? 1.5 : 1) / Math.sqrt(into);
}

/** Rows of the head are zero where a token is no printable ASCII: llama.cpp reports tokens by their text, and holds back bytes that are none. */
async function keepPrintable(head: Float32Array): Promise<void> {
  const { model }: { model: { vocab: Record<string, number> } } = JSON.parse(await pairFile("tokenizer.json"));
  const printable = new Set(Object.entries(model.vocab).flatMap(([word, id]) => (/^Ġ?[!-~]+$/.test(word) ? [id] : [])));
  const { vocab_size: rows }: { vocab_size: number } = JSON.parse(await pairFile("config.json"));
  const width = head.length / rows;
  for (let id = 0; id < rows; id++) if (!printable.has(id)) head.fill(0, id * width, (id + 1) * width);
}

function rounded(value: number): number {
  return float16ToNumber(numberToFloat16(value));
}
