// Files of real size with random weights, so that this engine and its peers can be timed on the same work without the
// published weights: the shapes of MiniCPM-V 2.6 (Qwen2-7B, SigLIP-400M, resampler) with fewer decoder layers, and the mixture of
// Q4_K_M: Q6_K for the head and, in half of the layers, for the values and the down projection.
import { randomFillSync } from "node:crypto";
import { access, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { numberToFloat16 } from "../../src/base/float16.ts";
import { seededRandom } from "../../src/base/random.ts";
import { StringList } from "../../src/base/string-list.ts";
import { type TensorToWrite, writeGguf } from "../../src/quantize/gguf-writer.ts";
import { fileSink } from "../../src/quantize/node/file-sink.ts";
import type { GgufValue } from "../../src/weights/gguf/value.ts";
import { blockFormat, byteLengthOf, type GgmlType } from "../../src/weights/quant/formats.ts";

const MODEL = 3584;
const FEED_FORWARD = 18944;
const HEADS = 28;
const KEY_VALUE_HEADS = 4;
const HEAD_WIDTH = 128;
const VOCABULARY = 151_666;
const VISION = { width: 1152, feedForward: 4304, layers: 27, positions: 4900, heads: 16 };
const QUERIES = 64;

/** Paths of a generated pair. */
export interface SyntheticPair {
  readonly language: string;
  readonly projector: string;
}

export interface SyntheticOptions {
  readonly folder: string;
  /** Decoder layers; 28 make the whole model. */
  readonly layers: number;
  readonly tower: "F16" | "Q8_0";
}

/** Writes the pair unless it is there. */
export async function syntheticPair({ folder, layers, tower }: SyntheticOptions): Promise<SyntheticPair> {
  await mkdir(folder, { recursive: true });
  const language = join(folder, `language-${layers}-Q4_K_M.gguf`);
  const projector = join(folder, `mmproj-${tower}.gguf`);
  if (!(await exists(language))) await write(language, languageMetadata(layers), languageTensors(layers));
  if (!(await exists(projector))) await write(projector, projectorMetadata(tower), projectorTensors(tower));
  return { language, projector };
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

async function write(
  path: string,
  metadata: ReadonlyMap<string, GgufValue>,
  tensors: readonly TensorToWrite[],
): Promise<void> {
  await writeGguf(await fileSink(path), metadata, tensors);
}

interface Fill {
  readonly name: string;
  readonly type: GgmlType;
  readonly shape: readonly number[];
  /** Every element, for norms; random of this deviation otherwise. */
  readonly value?: number;
}

const DEVIATION = 0.02;
const CHUNK_BLOCKS = 4096;

function tensor({ name, type, shape, value }: Fill): TensorToWrite {
  const count = shape.reduce((n, d) => n * d, 1);
  return {
    name,
    type,
    shape,
    *chunks() {
      const pattern =
        value === undefined ? randomBlocks(type) : new Uint8Array(new Float32Array(count).fill(value).buffer);
      // one stretch of random blocks, again and again: kernels do not care, and files are written quickly
      for (let left = byteLengthOf(type, count); left > 0; left -= pattern.length) {
        yield pattern.subarray(0, Math.min(left, pattern.length));
      }
    },
  };
}

/** Blocks of a type whose values are uniform with a deviation of 0.02. */
export function randomBlocks(type: GgmlType, count = CHUNK_BLOCKS): Uint8Array<ArrayBuffer> {
  const { bytes, elements } = blockFormat(type);
  const random = seededRandom(count);
  const uniform = (): number => (random.next() * 2 - 1) * DEVIATION * Math.sqrt(3);
  if (type === "F32") return new Uint8Array(Float32Array.from({ length: count }, uniform).buffer);
  if (type === "F16") {
    return new Uint8Array(Uint16Array.from({ length: count }, () => numberToFloat16(uniform())).buffer);
  }
  const blocks = randomFillSync(new Uint8Array(count * bytes));
  const view = new DataView(blocks.buffer);
  for (let at = 0; at < blocks.length; at += bytes) setFactors(view, at, type, elements);
  return blocks;
}

/** Factors that give the values of random quants the wanted deviation; largest quant and scale are known per format. */
function setFactors(view: DataView, at: number, type: GgmlType, elements: number): void {
  const set = (offset: number, value: number): void => view.setUint16(at + offset, numberToFloat16(value), true);
  if (type === "Q8_0") set(0, DEVIATION / 74);
  else if (type === "Q6_K") set(208, DEVIATION / 74 / 18.5);
  else if (type === "Q4_K") {
    set(0, DEVIATION / 4.6 / 36);
    set(2, (DEVIATION / 4.6 / 36) * 7.5);
  } else throw new RangeError(`${type} with blocks of ${elements}`);
}

const text = (value: string): GgufValue => ({ type: "string", value });
const u32 = (value: number): GgufValue => ({ type: "u32", value });
const f32 = (value: number): GgufValue => ({ type: "f32", value });
const bool = (value: boolean): GgufValue => ({ type: "bool", value });
const texts = (values: readonly string[]): GgufValue => ({
  type: "array",
  array: { type: "string", values: StringList.from(values) },
});

/** The 256 bytes as byte-level BPE spells them, the special tokens, and fillers up to the published size. */
function vocabulary(): readonly string[] {
  const isPlain = (b: number): boolean => (b > 32 && b < 127) || (b > 160 && b !== 173);
  let shifted = 256;
  const bytes = Array.from({ length: 256 }, (_, b) => String.fromCodePoint(isPlain(b) ? b : shifted++));
  const special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<unk>", "<image>", "</image>"];
  special.push("<slice>", "</slice>", "<image_id>", "</image_id>");
  const known = [...bytes, "th", "in", "er", ...special];
  return [...known, ...Array.from({ length: VOCABULARY - known.length }, (_, i) => `<filler${i}>`)];
}

const PLAIN_TOKENS = 259;

function languageMetadata(layers: number): ReadonlyMap<string, GgufValue> {
  const tokens = vocabulary();
  const kinds = Int32Array.from(tokens, (_, i) => (i < PLAIN_TOKENS ? 1 : 3));
  return new Map<string, GgufValue>([
    ["general.architecture", text("qwen2")],
    ["general.name", text("synthetic")],
    ["qwen2.block_count", u32(layers)],
    ["qwen2.context_length", u32(8192)],
    ["qwen2.embedding_length", u32(MODEL)],
    ["qwen2.feed_forward_length", u32(FEED_FORWARD)],
    ["qwen2.attention.head_count", u32(HEADS)],
    ["qwen2.attention.head_count_kv", u32(KEY_VALUE_HEADS)],
    ["qwen2.rope.freq_base", f32(1e6)],
    ["qwen2.attention.layer_norm_rms_epsilon", f32(1e-6)],
    ["tokenizer.ggml.model", text("gpt2")],
    ["tokenizer.ggml.pre", text("qwen2")],
    ["tokenizer.ggml.tokens", texts(tokens)],
    ["tokenizer.ggml.token_type", { type: "array", array: { type: "i32", values: kinds } }],
    ["tokenizer.ggml.merges", texts(["t h", "i n", "e r"])],
    ["tokenizer.ggml.eos_token_id", u32(tokens.indexOf("<|im_end|>"))],
    ["tokenizer.ggml.bos_token_id", u32(tokens.indexOf("<|endoftext|>"))],
    ["tokenizer.ggml.add_bos_token", bool(false)],
    [
      "tokenizer.chat_template",
      text(
        "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}" +
          "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}",
      ),
    ],
  ]);
}

/** Which layers llama.cpp's Q4_K_M gives more bits: the first and last eighth, and every third between. */
function hasMoreBits(layer: number, layers: number): boolean {
  const eighth = Math.floor(layers / 8);
  return layer < eighth || layer >= Math.floor((7 * layers) / 8) || (layer - eighth) % 3 === 2;
}

function languageTensors(layers: number): readonly TensorToWrite[] {
  const tensors: TensorToWrite[] = [
    tensor({ name: "token_embd.weight", type: "Q4_K", shape: [VOCABULARY, MODEL] }),
    tensor({ name: "output_norm.weight", type: "F32", shape: [MODEL], value: 1 }),
    tensor({ name: "output.weight", type: "Q6_K", shape: [VOCABULARY, MODEL] }),
  ];
  const keyValues = KEY_VALUE_HEADS * HEAD_WIDTH;
  for (let i = 0; i < layers; i++) {
    const more: GgmlType = hasMoreBits(i, layers) ? "Q6_K" : "Q4_K";
    const add = (name: string, type: GgmlType, ...shape: readonly number[]): void => {
      tensors.push(tensor({ name: `blk.${i}.${name}`, type, shape }));
    };
    for (const norm of ["attn_norm", "ffn_norm"]) {
      tensors.push(tensor({ name: `blk.${i}.${norm}.weight`, type: "F32", shape: [MODEL], value: 1 }));
    }
    for (const [name, type, out] of [
      ["attn_q", "Q4_K", MODEL],
      ["attn_k", "Q4_K", keyValues],
      ["attn_v", more, keyValues],
    ] as const) {
      add(`${name}.weight`, type, out, MODEL);
      add(`${name}.bias`, "F32", out);
    }
    add("attn_output.weight", "Q4_K", MODEL, MODEL);
    add("ffn_gate.weight", "Q4_K", FEED_FORWARD, MODEL);
    add("ffn_up.weight", "Q4_K", FEED_FORWARD, MODEL);
    add("ffn_down.weight", more, MODEL, FEED_FORWARD);
  }
  return tensors;
}

function projectorMetadata(tower: GgmlType): ReadonlyMap<string, GgufValue> {
  const half: GgufValue = { type: "array", array: { type: "f32", values: Float32Array.of(0.5, 0.5, 0.5) } };
  return new Map<string, GgufValue>([
    ["general.architecture", text("clip")],
    ["general.name", text("synthetic")],
    ["general.file_type", u32(tower === "F16" ? 1 : 7)],
    ["clip.has_text_encoder", bool(false)],
    ["clip.has_vision_encoder", bool(true)],
    ["clip.has_minicpmv_projector", bool(true)],
    ["clip.projector_type", text("resampler")],
    ["clip.minicpmv_version", { type: "i32", value: 3 }],
    ["clip.use_gelu", bool(true)],
    ["clip.vision.image_size", u32(448)],
    ["clip.vision.patch_size", u32(14)],
    ["clip.vision.embedding_length", u32(VISION.width)],
    ["clip.vision.feed_forward_length", u32(VISION.feedForward)],
    ["clip.vision.projection_dim", u32(0)],
    ["clip.vision.attention.head_count", u32(VISION.heads)],
    ["clip.vision.attention.layer_norm_epsilon", f32(1e-6)],
    ["clip.vision.block_count", u32(VISION.layers)],
    ["clip.vision.image_mean", half],
    ["clip.vision.image_std", half],
  ]);
}

function projectorTensors(tower: GgmlType): readonly TensorToWrite[] {
  const tensors: TensorToWrite[] = [];
  const add = (name: string, type: GgmlType, ...shape: readonly number[]): void => {
    tensors.push(tensor({ name, type, shape }));
  };
  const linear = (name: string, into: number, out: number): void => {
    // rows that are no whole number of blocks stay in 16 bits, as the converters leave them
    add(`${name}.weight`, into % 32 === 0 ? tower : "F16", out, into);
    add(`${name}.bias`, "F32", out);
  };
  const norm = (name: string, width: number): void => {
    tensors.push(tensor({ name: `${name}.weight`, type: "F32", shape: [width], value: 1 }));
    add(`${name}.bias`, "F32", width);
  };
  const { width, feedForward, layers, positions } = VISION;
  add("v.patch_embd.weight", "F16", width, 3, 14, 14);
  add("v.patch_embd.bias", "F32", width);
  add("v.position_embd.weight", "F16", positions, width);
  for (let i = 0; i < layers; i++) {
    const block = `v.blk.${i}`;
    for (const name of ["ln1", "ln2"]) norm(`${block}.${name}`, width);
    for (const name of ["attn_q", "attn_k", "attn_v", "attn_out"]) linear(`${block}.${name}`, width, width);
    // the converters of this version name the two the wrong way round
    linear(`${block}.ffn_down`, width, feedForward);
    linear(`${block}.ffn_up`, feedForward, width);
  }
  norm("v.post_ln", width);
  add("resampler.query", "F32", QUERIES, MODEL);
  add("resampler.pos_embed_k", "F32", positions, MODEL);
  add("resampler.proj.weight", "F16", MODEL, MODEL);
  add("resampler.kv.weight", tower, MODEL, width);
  for (const name of ["q", "k", "v", "out"]) linear(`resampler.attn.${name}`, MODEL, MODEL);
  for (const name of ["q", "kv", "post"]) norm(`resampler.ln_${name}`, MODEL);
  return tensors;
}
