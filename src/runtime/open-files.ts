import type { ByteSource } from "../io/byte-source.ts";
import { ConfigJson } from "../model/config-json.ts";
import { ProjectorError } from "../model/errors.ts";
import { isProjector } from "../model/minicpmv/detect-gguf.ts";
import type { ModelFiles } from "../model/minicpmv/registry.ts";
import { ggufVocabulary } from "../tokenizer/gguf-vocabulary.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { tokenizerFromGguf } from "../tokenizer/tokenizer-gguf.ts";
import { tokenizerFromJson } from "../tokenizer/tokenizer-json.ts";
import type { Checkpoint } from "../weights/checkpoint.ts";
import type { GgufValue } from "../weights/gguf/value.ts";
import { openCheckpoint } from "../weights/open-checkpoint.ts";
import { JsonFileError, MissingFileError } from "./errors.ts";
import type { ModelParts, Platform } from "./platform.ts";

/** A model's files with headers read, and its tokenizer. */
export interface OpenedFiles extends ModelFiles {
  readonly tokenizer: Tokenizer;
}

/** Files beyond this are no configuration. */
const MAX_JSON_BYTES = 2 ** 28;

/** Opens weights, configuration and tokenizer; reads headers only. Throws CheckpointFormatError, JsonFileError, MissingFileError. */
export async function openFiles(parts: ModelParts, platform: Platform, signal?: AbortSignal): Promise<OpenedFiles> {
  const openSibling = async (name: string): Promise<ByteSource> => {
    const sibling = await parts.companion(name);
    if (sibling === undefined) throw new MissingFileError(name);
    return sibling;
  };
  const options = { openSibling, ...(signal === undefined ? {} : { signal }) };
  const language = await openCheckpoint(await platform.open(parts.language, signal), options);
  let vision: Checkpoint | undefined;
  try {
    // said here, since the vocabulary that it lacks would be missed first
    if (language.container === "gguf" && isProjector(language)) {
      throw new ProjectorError(`${language.fileName} is an mmproj file, not a language model`);
    }
    vision =
      parts.vision === undefined ? undefined : await openCheckpoint(await platform.open(parts.vision, signal), options);
    const config = language.container === "gguf" ? undefined : await readJson(parts, "config.json");
    return {
      language,
      ...(vision === undefined ? {} : { vision }),
      ...(config === undefined ? {} : { config: new ConfigJson(config) }),
      tokenizer: await openTokenizer(parts, language),
    };
  } catch (error) {
    await language.close();
    await vision?.close();
    throw error;
  }
}

/** What a tokenizer makes its tables of and does not keep. */
const RULES = ["tokenizer.ggml.merges", "tokenizer.ggml.scores"];

/** tokenizer.json where it lies beside the weights, the GGUF's own vocabulary otherwise. */
async function openTokenizer(parts: ModelParts, language: Checkpoint): Promise<Tokenizer> {
  if (language.container === "gguf") {
    const { metadata } = language;
    const tokenizer = tokenizerFromGguf(ggufVocabulary((key) => plainValue(metadata.values.get(key))));
    for (const key of RULES) metadata.forget(key);
    return tokenizer;
  }
  const file = await readJson(parts, "tokenizer.json");
  if (file === undefined) throw new MissingFileError("tokenizer.json");
  return tokenizerFromJson(file, await readJson(parts, "tokenizer_config.json"));
}

function plainValue(value: GgufValue | undefined): unknown {
  if (value === undefined) return undefined;
  if (value.type !== "array") return value.value;
  const { array } = value;
  return array.type === "array" ? undefined : array.values;
}

async function readJson(parts: ModelParts, name: string): Promise<unknown> {
  const source = await parts.companion(name);
  if (source === undefined) return undefined;
  try {
    if (source.sizeBytes > MAX_JSON_BYTES) throw new JsonFileError(source.name, `has ${source.sizeBytes} bytes`);
    const bytes = await source.read(0, source.sizeBytes);
    try {
      return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    } catch (cause) {
      throw new JsonFileError(source.name, "is not JSON", { cause });
    }
  } finally {
    await source.close();
  }
}
