import { buildPrompt } from "../chat/build-prompt.ts";
import { pictureRule } from "../chat/picture.ts";
import { CHAT_TEMPLATES } from "../chat/templates/template-registry.ts";
import { preparePicture } from "../image/prepare-picture.ts";
import type { RgbImage } from "../image/rgb-image.ts";
import { bindModel } from "../model/bind-model.ts";
import { ggufFamily } from "../model/export/families.ts";
import { describeModel } from "../model/minicpmv/registry.ts";
import type { ModelDescription } from "../model/minicpmv/version.ts";
import { ggufLanguageNaming, ggufVisionNaming } from "../model/naming/gguf.ts";
import type { WeightNaming } from "../model/weight-binding.ts";
import { ImportanceCollector, type ImportanceMatrix } from "../quantize/imatrix.ts";
import { DecoderRunner, decoderGraphs } from "../runtime/decoder-runner.ts";
import type { OpenedFiles } from "../runtime/open-files.ts";
import { uploadPart } from "../runtime/upload-part.ts";
import { type EncodedView, VisionRunner } from "../runtime/vision-runner.ts";
import type { Backend } from "../tensor/backend.ts";
import { weightUses } from "../tensor/weight-uses.ts";
import { tappingBackend } from "../train/tapping-backend.ts";

/** What a model is shown while it is measured. */
export interface CalibrationData {
  readonly text: string;
  readonly pictures: readonly RgbImage[];
  /** Names of the files, for the matrix. */
  readonly name: string;
}

export interface CollectOptions {
  readonly backend: Backend;
  readonly onProgress?: (what: string, done: number, total: number) => void;
  readonly signal?: AbortSignal;
}

/** Tokens that are read in one sequence, as llama.cpp's tool takes them. */
const CHUNK_TOKENS = 512;
/** Rows of one step: every linear map's input of a step is kept until it ends. */
const STEP_ROWS = 64;
const CONTEXT = 4096;
const TABLE = /position|pos_embed/;
/** Patches of one view at most: 448² pixels, or an extreme shape. */
const VIEW_PATCHES = 1280;

/**
 * Mean squares of what every linear map of a model reads: the tower over the pictures' views, the language model over the text in
 * chunks and over a question about each picture. Entries carry the names of GGUF files. Throws what opening and running throw.
 */
export async function collectModelImportance(
  files: OpenedFiles,
  { text, pictures, name }: CalibrationData,
  options: CollectOptions,
): Promise<ImportanceMatrix> {
  const description = await describeModel(files);
  const collector = new ImportanceCollector();
  const naming = ggufNaming(files, description);
  const backend = tappingBackend(options.backend, collector, (weight, shape) => {
    const place = (weight.startsWith("llm.") ? naming.language : naming.vision)(weight, shape);
    // a convolution's kernel has other columns in the file; neither it nor a table of positions is ever quantised
    const isKept = place === undefined || place.shape !== undefined || TABLE.test(place.name);
    return isKept ? undefined : place.name;
  });
  const run = { files, description, backend, options };
  const prepared = pictures.map((picture) => preparePicture(picture, pictureRule(description)));
  const encoded = prepared.length === 0 ? [] : await encodeAll(run, prepared);
  const chunkCount = await readAll(run, { text, prepared, encoded });
  return collector.finish(chunkCount, name);
}

interface Run {
  readonly files: OpenedFiles;
  readonly description: ModelDescription;
  /** The one that measures. */
  readonly backend: Backend;
  readonly options: CollectOptions;
}

type Prepared = ReturnType<typeof preparePicture>;

function ggufNaming(
  { language }: OpenedFiles,
  { naming, version }: ModelDescription,
): { readonly language: WeightNaming; readonly vision: WeightNaming } {
  if (language.container === "gguf") return naming;
  const { architecture, projector } = ggufFamily(version);
  return {
    language: ggufLanguageNaming(architecture),
    vision: ggufVisionNaming({ isSwapped: projector.type === "resampler" }),
  };
}

async function encodeAll(
  { files, description, backend, options }: Run,
  prepared: readonly Prepared[],
): Promise<readonly (readonly EncodedView[])[]> {
  const { encoder } = description;
  const multiple = encoder.patchMultiple;
  const batch = { views: 1, patches: Math.ceil(VIEW_PATCHES / multiple) * multiple };
  const weights = modelWeights(description, files, batch);
  const uses = weightUses([weights.visionGraph]);
  using part = await uploadPart({ backend, sources: weights.sources.vision, uses, precisionOf: () => "float" });
  using vision = new VisionRunner({ encoder, backend, weights: part.weights, batch });
  const encoded: (readonly EncodedView[])[] = [];
  for (const [i, { views }] of prepared.entries()) {
    options.onProgress?.("picture", i + 1, prepared.length);
    encoded.push(await vision.encode(views, options.signal === undefined ? {} : { signal: options.signal }));
  }
  return encoded;
}

function modelWeights(
  description: ModelDescription,
  files: OpenedFiles,
  batch: { readonly views: number; readonly patches: number },
) {
  const visionGraph = description.encoder.graph(batch);
  const [{ graph }] = decoderGraphs({ config: description.decoder, contextLength: CONTEXT, capacities: [1] });
  const sources = bindModel(description, files, { vision: [visionGraph], decoder: [graph] });
  return { visionGraph, decoderGraph: graph, sources };
}

interface Reading {
  readonly text: string;
  readonly prepared: readonly Prepared[];
  readonly encoded: readonly (readonly EncodedView[])[];
}

/** Gives the number of sequences that were read. */
async function readAll(run: Run, { text, prepared, encoded }: Reading): Promise<number> {
  const { files, description, backend, options } = run;
  const multiple = description.encoder.patchMultiple;
  const { sources, decoderGraph } = modelWeights(description, files, { views: 1, patches: multiple });
  const uses = weightUses([decoderGraph]);
  using part = await uploadPart({ backend, sources: sources.decoder, uses, precisionOf: () => "float" });
  using decoder = new DecoderRunner({
    config: description.decoder,
    backend,
    weights: part.weights,
    contextLength: CONTEXT,
    capacities: [STEP_ROWS],
    selectedRows: STEP_ROWS,
    cacheType: "f32",
  });
  const prompts = [...picturePrompts(run, prepared, encoded), ...textChunks(run, text)];
  for (const [i, prompt] of prompts.entries()) {
    options.signal?.throwIfAborted();
    options.onProgress?.("sequence", i + 1, prompts.length);
    await read(decoder, prompt, description.decoder.width);
  }
  return prompts.length;
}

interface Prompt {
  readonly ids: readonly number[];
  readonly visualAt: readonly number[];
  /** [visualAt.length, D] */
  readonly rows: Float32Array;
}

function picturePrompts(
  { files, description }: Run,
  prepared: readonly Prepared[],
  encoded: readonly (readonly EncodedView[])[],
): readonly Prompt[] {
  const template = CHAT_TEMPLATES[description.template];
  const messages = [
    { role: "user", content: [{ type: "image" }, { type: "text", text: "Describe this picture." }] },
  ] as const;
  return prepared.map((picture, i) => {
    const pictures = [{ prepared: picture, serial: 0 }];
    const { ids, visualAt } = buildPrompt({ template, tokenizer: files.tokenizer, messages, pictures });
    const rows = encoded[i].map((view) => view.rows);
    const joined = new Float32Array(rows.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const each of rows) {
      joined.set(each, at);
      at += each.length;
    }
    return { ids: ids.slice(0, CONTEXT), visualAt, rows: joined };
  });
}

function textChunks({ files }: Run, text: string): readonly Prompt[] {
  const ids = files.tokenizer.encode(text, { parseSpecial: false });
  const chunks: Prompt[] = [];
  for (let begin = 0; begin < ids.length; begin += CHUNK_TOKENS) {
    chunks.push({ ids: ids.slice(begin, begin + CHUNK_TOKENS), visualAt: [], rows: new Float32Array(0) });
  }
  return chunks;
}

/** One sequence from its start, every row wanted, so that the last layer sees all of them. */
async function read(decoder: DecoderRunner, { ids, visualAt, rows }: Prompt, width: number): Promise<void> {
  const sequence = decoder.open();
  try {
    for (let begin = 0; begin < ids.length; begin += STEP_ROWS) {
      const step = ids.slice(begin, begin + STEP_ROWS);
      const first = visualAt.findIndex((at) => at >= begin);
      const here = visualAt.filter((at) => at >= begin && at < begin + step.length);
      const visual =
        here.length === 0
          ? undefined
          : { rows: rows.subarray(first * width, (first + here.length) * width), at: here.map((at) => at - begin) };
      const select = step.map((_, i) => i);
      await decoder.step([{ sequence, ids: step, select, ...(visual === undefined ? {} : { visual }) }]);
    }
  } finally {
    decoder.close(sequence);
  }
}
