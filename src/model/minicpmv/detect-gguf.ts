import type { Checkpoint } from "../../weights/checkpoint.ts";
import { ProjectorError, UnknownModelError } from "../errors.ts";
import type { VersionId } from "./version.ts";

interface ProjectorVersion {
  readonly version: VersionId;
  /** general.architecture of the language model that belongs to it. */
  readonly architecture: string;
}

const PROJECTOR_ARCHITECTURE = "clip";

/** clip.minicpmv_version as the converters write it. */
const RESAMPLER_VERSIONS: Readonly<Record<number, ProjectorVersion>> = {
  1: { version: "2.0", architecture: "minicpm" },
  2: { version: "2.5", architecture: "llama" },
  3: { version: "2.6", architecture: "qwen2" },
  4: { version: "o-2.6", architecture: "qwen2" },
  5: { version: "4.0", architecture: "llama" },
  100045: { version: "4.5", architecture: "qwen3" },
};

/** Which version a GGUF pair is; throws UnknownModelError or ProjectorError with what was found. */
export function detectGguf(language: Checkpoint, vision: Checkpoint | undefined): VersionId {
  const architecture = language.metadata.string("general.architecture");
  if (isProjector(language)) {
    throw new ProjectorError(`${language.fileName} is an mmproj file, not a language model`);
  }
  if (vision === undefined) {
    throw new ProjectorError(`${language.fileName} (architecture "${architecture}") came without its mmproj file`);
  }
  const { version, architecture: expected } = projectorVersion(vision, architecture);
  if (architecture !== expected) {
    throw new ProjectorError(
      `${vision.fileName} is the projector of MiniCPM-V ${version}, whose language model is "${expected}", and ` +
        `${language.fileName} is "${architecture}"`,
    );
  }
  return version;
}

/** Whether a GGUF file holds a vision tower. */
export function isProjector({ metadata }: Checkpoint): boolean {
  return metadata.string("general.architecture") === PROJECTOR_ARCHITECTURE;
}

function projectorVersion(vision: Checkpoint, architecture: string | undefined): ProjectorVersion {
  const { metadata, fileName } = vision;
  if (!isProjector(vision)) {
    const kind = metadata.string("general.architecture");
    throw new ProjectorError(
      `${fileName} has architecture "${kind}", and an mmproj file has "${PROJECTOR_ARCHITECTURE}"`,
    );
  }
  const type = projectorType(vision);
  const number = metadata.number("clip.minicpmv_version");
  if (type === "minicpmv4_6") return { version: "4.6", architecture: "qwen35" };
  if (type === "resampler") {
    // the first files of 2.5 had no number
    const known = RESAMPLER_VERSIONS[number ?? 2];
    // V-4.5 and o-4.5 share a number; only the name tells them apart
    if (known?.version === "4.5" && isOmni(vision)) return { ...known, version: "o-4.5" };
    if (known !== undefined) return known;
  }
  throw new UnknownModelError(
    `${fileName} has projector type "${type}" and clip.minicpmv_version ${number ?? "(none)"}, and the language ` +
      `model's architecture is "${architecture}"`,
  );
}

function projectorType({ metadata }: Checkpoint): string | undefined {
  const isResampler = metadata.boolean("clip.has_minicpmv_projector") === true;
  return metadata.string("clip.projector_type") ?? (isResampler ? "resampler" : undefined);
}

function isOmni({ metadata }: Checkpoint): boolean {
  return /minicpm-?o/i.test(metadata.string("general.name") ?? "");
}
