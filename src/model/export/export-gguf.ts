import type { WeightSource } from "../../tensor/backend.ts";
import { Checkpoint } from "../../weights/checkpoint.ts";
import { Metadata } from "../../weights/metadata.ts";
import { bindModel } from "../bind-model.ts";
import type { ConfigJson } from "../config-json.ts";
import { decoderGraph } from "../decoder/decoder.ts";
import { detectHf } from "../minicpmv/detect-hf.ts";
import { describeModel } from "../minicpmv/registry.ts";
import type { ModelDescription } from "../minicpmv/version.ts";
import { ggufLanguageNaming, ggufVisionNaming } from "../naming/gguf.ts";
import { hfSource, ropeTheta } from "../source/hf-source.ts";
import type { WeightNaming } from "../weight-binding.ts";
import { type ExportedTensor, exportedTensor, type RowOrder } from "./exported-tensor.ts";
import { type GgufFamily, ggufFamily } from "./families.ts";
import { type GgufEntries, text } from "./metadata-values.ts";
import { languageMetadata, visionMetadata } from "./model-metadata.ts";
import { type TokenizerFiles, tokenizerMetadata } from "./tokenizer-metadata.ts";

/** A model as published or as training wrote it. */
export interface ExportRequest {
  readonly config: ConfigJson;
  readonly checkpoint: Checkpoint;
  readonly tokenizer: TokenizerFiles;
  /** general.name, for people. */
  readonly name: string;
}

/** The two files as checkpoints: names, shapes and metadata of GGUF, bytes read through their transforms. */
export interface ExportedPair {
  readonly language: Checkpoint;
  readonly vision: Checkpoint;
}

/**
 * A safetensors model seen as a GGUF pair; hand each part to `quantiseFile` to write it. Element types stay as they are.
 * Throws ExportError for versions and tensors that cannot be written, and what `describeModel` and `bindModel` throw.
 */
export async function exportGguf({ config, checkpoint, tokenizer, name }: ExportRequest): Promise<ExportedPair> {
  const family = ggufFamily(detectHf(config, checkpoint));
  const description = await describeModel({ config, language: checkpoint });
  const weights = bindModel(description, { language: checkpoint }, exportGraphs(description));
  const source = hfSource(config, checkpoint);
  const { decoder } = description;
  const { architecture, preTokenizer, projector } = family;
  const facts = {
    projector,
    queryCount: source.queryCount,
    modelWidth: decoder.width,
    insertLayer: source.insertLayer,
    resolution: source.resolution,
  };
  return {
    language: virtualFile(`${name}.gguf`, languageTensors(description, weights.decoder, architecture), [
      ["general.architecture", text(architecture)],
      ["general.name", text(name)],
      ...languageMetadata(architecture, decoder, ropeTheta(config)),
      ...tokenizerMetadata(tokenizer, { preTokenizer, vocabularySize: decoder.vocabularySize }),
    ]),
    vision: virtualFile(`mmproj-${name}.gguf`, visionTensors(description, weights.vision, family), [
      ["general.architecture", text("clip")],
      ["general.name", text(name)],
      ...visionMetadata(source.vision, facts),
    ]),
  };
}

/** Graphs that ask for every weight; their capacities do not matter. */
function exportGraphs({ encoder, decoder }: ModelDescription) {
  const capacity = { tokens: 1, selected: 1, sequences: 1, pagesPerSequence: 1, pageSize: 1, slotCount: 1 };
  return {
    vision: [encoder.graph({ views: 1, patches: encoder.patchMultiple })],
    decoder: [decoderGraph(decoder, { ...capacity, cacheType: "f32" })],
  };
}

function virtualFile(fileName: string, tensors: readonly ExportedTensor[], entries: GgufEntries): Checkpoint {
  return new Checkpoint({
    fileName,
    container: "gguf",
    metadata: new Metadata(fileName, new Map(entries)),
    tensors: tensors.map((tensor) => exportedTensor(tensor)),
    sources: [],
  });
}

const ROTATED = /\.self_attn\.([qk])_proj\.(weight|bias)$/;

/** The language model's tensors; rows of q and k interleaved where llama.cpp's converter does. */
function languageTensors(
  { decoder }: ModelDescription,
  weights: ReadonlyMap<string, WeightSource>,
  architecture: GgufFamily["architecture"],
): readonly ExportedTensor[] {
  const naming = ggufLanguageNaming(architecture);
  return renamed(weights, naming, (name): RowOrder => {
    const rotated = ROTATED.exec(name);
    if (architecture !== "llama" || rotated === null) return { kind: "same" };
    return { kind: "interleaved", headCount: rotated[1] === "q" ? decoder.headCount : decoder.groupCount };
  });
}

/** The vision file's tensors: names swapped as in the older files, proj transposed for W·x. */
function visionTensors(
  { decoder }: ModelDescription,
  weights: ReadonlyMap<string, WeightSource>,
  { projector }: GgufFamily,
): readonly ExportedTensor[] {
  const isResampler = projector.type === "resampler";
  const tensors = renamed(weights, ggufVisionNaming({ isSwapped: isResampler }), (name) => ({
    kind: name === "resampler.proj" ? "transposed" : "same",
  }));
  if (!isResampler) return tensors;
  // readers ask for a key table and compute their own: one row of zeros keeps the name present
  const shape = [1, decoder.width];
  const zeros: WeightSource = {
    name: "resampler.pos_embed_k",
    type: "F32",
    shape,
    readRows: async () => new Uint8Array(decoder.width * 4),
  };
  return [...tensors, { name: zeros.name, shape, order: { kind: "same" }, source: zeros }];
}

function renamed(
  weights: ReadonlyMap<string, WeightSource>,
  naming: WeightNaming,
  orderOf: (name: string) => RowOrder,
): readonly ExportedTensor[] {
  return [...weights].flatMap(([name, source]) => {
    // computed tables are no part of a file
    const place = naming(name, source.shape);
    if (place === undefined) return [];
    return [{ name: place.name, shape: place.shape ?? source.shape, order: orderOf(name), source }];
  });
}
