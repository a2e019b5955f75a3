import { ArgumentError } from "../../base/errors.ts";
import type { Checkpoint } from "../../weights/checkpoint.ts";
import type { ConfigJson } from "../config-json.ts";
import { ggufSource } from "../source/gguf-source.ts";
import { hfSource } from "../source/hf-source.ts";
import type { ModelSource } from "../source/model-source.ts";
import { detectGguf } from "./detect-gguf.ts";
import { detectHf } from "./detect-hf.ts";
import { describeO26 } from "./o-2-6.ts";
import { describeO45 } from "./o-4-5.ts";
import { describePocket, isPocket } from "./pocket.ts";
import { describeV10 } from "./v1-0.ts";
import { describeV20 } from "./v2-0.ts";
import { describeV25 } from "./v2-5.ts";
import { describeV26 } from "./v2-6.ts";
import { describeV40 } from "./v4-0.ts";
import { describeV45 } from "./v4-5.ts";
import { describeV46 } from "./v4-6.ts";
import type { ModelDescription, ModelOptions, VersionId } from "./version.ts";

/** What each version adds to what its files say. */
const VERSIONS: Readonly<Record<VersionId, (source: ModelSource, options: ModelOptions) => ModelDescription>> = {
  "1.0": describeV10,
  "2.0": describeV20,
  "2.5": describeV25,
  "2.6": describeV26,
  "o-2.6": describeO26,
  "4.0": describeV40,
  "4.5": describeV45,
  "o-4.5": describeO45,
  "4.6": describeV46,
};

/** The files of a model, opened. */
export interface ModelFiles {
  /** Beside safetensors. */
  readonly config?: ConfigJson;
  /** Safetensors with everything in it, or the GGUF language model. */
  readonly language: Checkpoint;
  /** The GGUF mmproj. */
  readonly vision?: Checkpoint;
}

/**
 * Finds the version from config.json or from GGUF metadata, never from a file name, and describes it. Throws
 * UnknownModelError, ProjectorError, ConfigError, CheckpointEntryError, or ArgumentError without a config.json.
 */
export async function describeModel(files: ModelFiles, options: ModelOptions = {}): Promise<ModelDescription> {
  const { config, language, vision } = files;
  if (language.container === "gguf") {
    const version = detectGguf(language, vision);
    // a pair without its second file was refused above
    return describe(version, await ggufSource(language, vision ?? language), options);
  }
  if (config === undefined) {
    throw new ArgumentError(
      `${language.fileName} came without its config.json.`,
      "Give the folder of the release, or put config.json beside the weights.",
    );
  }
  return describe(detectHf(config, language), hfSource(config, language), options);
}

function describe(version: VersionId, source: ModelSource, options: ModelOptions): ModelDescription {
  return isPocket(source) ? describePocket(source) : VERSIONS[version](source, options);
}
