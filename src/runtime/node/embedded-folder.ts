import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { EmbeddedModelMissingError } from "../errors.ts";

/**
 * Folder of the built-in model: from sources and from dist alike, models/ lies beside the folder that holds runtime/.
 * MINICPMV_EMBEDDED names another one.
 */
function embeddedFolder(): string {
  return process.env.MINICPMV_EMBEDDED ?? fileURLToPath(new URL("../../../models/pocket", import.meta.url));
}

/** Whether the built-in model's weights are there. */
export function hasEmbeddedModel(): boolean {
  try {
    return readdirSync(embeddedFolder()).some((name) => /\.(gguf|safetensors)$/.test(name));
  } catch {
    // no such folder: no model
    return false;
  }
}

/** Throws EmbeddedModelMissingError. */
export function requireEmbeddedFolder(): string {
  if (!hasEmbeddedModel()) throw new EmbeddedModelMissingError(embeddedFolder());
  return embeddedFolder();
}
