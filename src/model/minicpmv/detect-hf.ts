import type { Checkpoint } from "../../weights/checkpoint.ts";
import type { ConfigJson } from "../config-json.ts";
import { UnknownModelError } from "../errors.ts";
import type { VersionId } from "./version.ts";

/** Versions by the entry `version` of config.json, which is text in some releases and a number in others. */
const PICTURE_VERSIONS: Readonly<Record<string, VersionId>> = {
  "2.5": "2.5",
  "2.6": "2.6",
  "4.0": "4.0",
  "4.5": "4.5",
};
const OMNI_VERSIONS: Readonly<Record<string, VersionId>> = { "2.6": "o-2.6", "4.5": "o-4.5" };

/** Which version a config.json with its safetensors is; throws UnknownModelError with what was found. */
export function detectHf(config: ConfigJson, checkpoint: Checkpoint): VersionId {
  const type = config.string("model_type", "");
  const version = versionEntry(config);
  const found = `config.json has model_type "${type}" and version ${version ?? "(none)"}`;
  switch (type) {
    case "minicpmv4_6":
      return "4.6";
    case "minicpmo":
      return known(OMNI_VERSIONS[version ?? ""], found);
    case "minicpmv":
      // the first two releases carry no version, and timm's tower
      if (version === undefined && checkpoint.has("vpm.pos_embed")) {
        return config.boolean("slice_mode", false) ? "2.0" : "1.0";
      }
      if (version === undefined && config.number("query_num", 0) === 96) return "2.5";
      return known(PICTURE_VERSIONS[version ?? ""], found);
    default:
      throw new UnknownModelError(found);
  }
}

function versionEntry(config: ConfigJson): string | undefined {
  const entry = config.raw("version");
  if (typeof entry === "number") return entry.toFixed(1);
  return typeof entry === "string" ? entry : undefined;
}

function known(version: VersionId | undefined, found: string): VersionId {
  if (version === undefined) throw new UnknownModelError(found);
  return version;
}
