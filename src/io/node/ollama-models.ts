import { readdir, readFile, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { join, relative, sep } from "node:path";
import { ArgumentError } from "../../base/errors.ts";
import { FileError } from "../errors.ts";
import { isSafePath } from "../hub/repo-ref.ts";
import type { Environment } from "./hub-environment.ts";

/** A model that ollama has fetched. Paths lead to its blobs, which are plain GGUF files. */
export interface OllamaModel {
  readonly name: string;
  readonly language: string;
  readonly projector: string | undefined;
  readonly adapters: readonly string[];
  readonly sizeBytes: number;
}

const DEFAULT_HOST = "registry.ollama.ai";
const LAYER = "application/vnd.ollama.image.";

/** Folder in which ollama keeps its models on this machine. */
export function ollamaFolder(env: Environment): string {
  return env.OLLAMA_MODELS || join(homedir(), ".ollama", "models");
}

/** Finds "[host/][owner/]name[:tag]" among the models of a local ollama, without asking its server. Throws FileError, ArgumentError. */
export async function findOllamaModel(folder: string, name: string): Promise<OllamaModel> {
  const path = join(folder, "manifests", ...manifestParts(name));
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (cause) {
    const known = (await listOllamaModels(folder)).join(", ") || "none";
    throw new FileError(
      `Ollama has no model "${name}" in ${folder}.`,
      `Models there: ${known}. Set OLLAMA_MODELS if they lie elsewhere.`,
      { cause },
    );
  }
  const layers = readLayers(path, text);
  const blobs = new Map<string, string[]>();
  let sizeBytes = 0;
  for (const layer of layers) {
    if (!layer.mediaType.startsWith(LAYER)) continue;
    const blobPath = join(folder, "blobs", layer.digest.replace(":", "-"));
    await checkBlob(blobPath, layer.sizeBytes);
    const kind = layer.mediaType.slice(LAYER.length);
    blobs.set(kind, [...(blobs.get(kind) ?? []), blobPath]);
    sizeBytes += layer.sizeBytes;
  }
  const language = blobs.get("model")?.[0];
  if (language === undefined) {
    throw new FileError(
      `${path} names no model file.`,
      "Models that run in the cloud or are stored as single tensors cannot be used.",
    );
  }
  return { name, language, projector: blobs.get("projector")?.[0], adapters: blobs.get("adapter") ?? [], sizeBytes };
}

/** Names of all models a local ollama has, in the form its own list shows. */
export async function listOllamaModels(folder: string): Promise<string[]> {
  const root = join(folder, "manifests");
  const entries = await readdir(root, { recursive: true, withFileTypes: true }).catch(() => []);
  const names: string[] = [];
  for (const entry of entries) {
    const parts = relative(root, join(entry.parentPath, entry.name)).split(sep);
    if (!entry.isFile() || parts.length !== 4) continue;
    const [host, owner, name, tag] = parts;
    const prefix = host === DEFAULT_HOST ? (owner === "library" ? "" : `${owner}/`) : `${host}/${owner}/`;
    names.push(`${prefix}${name}:${tag}`);
  }
  return names.sort();
}

function manifestParts(name: string): string[] {
  const match = /^([^:]*(?::\d+\/[^:]*)?)(?::([\w.-]+))?$/.exec(name);
  const parts = match?.[1].split("/") ?? [];
  if (!match || parts.length > 3 || !isSafePath(parts.join("/").replace(/:\d+/, ""))) {
    throw new ArgumentError(`"${name}" is not the name of an ollama model.`, "Write name, name:tag or owner/name:tag.");
  }
  const model = parts.at(-1) ?? "";
  return [parts.at(-3) ?? DEFAULT_HOST, parts.at(-2) ?? "library", model, match[2] ?? "latest"];
}

interface Layer {
  readonly mediaType: string;
  readonly digest: string;
  readonly sizeBytes: number;
}

function readLayers(path: string, text: string): Layer[] {
  const damaged = new FileError(`${path} is not a manifest that can be read.`, "Pull the model again with ollama.");
  let manifest: { layers?: unknown };
  try {
    manifest = JSON.parse(text);
  } catch {
    throw damaged;
  }
  if (!Array.isArray(manifest?.layers)) throw damaged;
  return manifest.layers.map((layer: { mediaType?: unknown; digest?: unknown; size?: unknown } | null) => {
    const { mediaType, digest, size } = layer ?? {};
    // The digest becomes a file name.
    if (typeof digest !== "string" || !/^sha256:[0-9a-f]{64}$/.test(digest)) throw damaged;
    if (typeof mediaType !== "string" || typeof size !== "number") throw damaged;
    return { mediaType, digest, sizeBytes: size };
  });
}

async function checkBlob(path: string, sizeBytes: number): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (found?.size === sizeBytes) return;
  const state = found ? `has ${found.size} of ${sizeBytes} bytes` : "is missing";
  throw new FileError(`${path} ${state}.`, "Let ollama finish the pull, or pull the model again.");
}
