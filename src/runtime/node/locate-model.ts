import { readdir, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { ByteSource } from "../../io/byte-source.ts";
import { HttpError, OfflineError } from "../../io/errors.ts";
import type { ModelFiles } from "../../io/hub/pick-files.ts";
import { type PathAndSize, pickFiles } from "../../io/hub/pick-files.ts";
import { looksLikeRepoRef } from "../../io/hub/repo-ref.ts";
import { openFileSource } from "../../io/node/file-source.ts";
import { readHubEnvironment } from "../../io/node/hub-environment.ts";
import { findOllamaModel, ollamaFolder } from "../../io/node/ollama-models.ts";
import { openSource } from "../../io/node/open-source.ts";
import { pullModel } from "../../io/node/pull-model.ts";
import { EMBEDDED_MODEL } from "../embedded-model.ts";
import { ModelNotFoundError } from "../errors.ts";
import { inspectGguf } from "../inspect-gguf.ts";
import type { LocateOptions, ModelParts } from "../platform.ts";
import { requireEmbeddedFolder } from "./embedded-folder.ts";

const FORMS = "Give pocket, a folder or file, owner/name[:Q4_K_M] of a hub, an address, or ollama:name.";

/** Files of a path, address, hub reference or ollama model, in this order. Throws ModelNotFoundError and what pulling throws. */
export async function locateModel(reference: string, options: LocateOptions): Promise<ModelParts> {
  if (reference === EMBEDDED_MODEL) return inFolder(requireEmbeddedFolder(), options);
  const found = await stat(reference).catch(() => undefined);
  if (found?.isDirectory()) return inFolder(reference, options);
  if (found?.isFile()) return besideFile(reference, options);
  if (reference.startsWith("ollama:")) return fromOllama(reference.slice("ollama:".length), options);
  if (/^https?:/i.test(reference) && !looksLikeRepoRef(reference)) return atAddress(reference, options);
  if (looksLikeRepoRef(reference)) {
    return (await fromOllama(reference, options).catch(() => undefined)) ?? fromHub(reference, options);
  }
  if (/[\\/]|\.(gguf|safetensors|json)$/i.test(reference)) {
    throw new ModelNotFoundError(reference, "there is no such file or folder", FORMS);
  }
  try {
    return await fromOllama(reference, options);
  } catch (cause) {
    throw new ModelNotFoundError(reference, "there is no such file, folder or ollama model", FORMS, { cause });
  }
}

async function inFolder(folder: string, options: LocateOptions): Promise<ModelParts> {
  const names = await readdir(folder);
  const files: PathAndSize[] = [];
  for (const path of names) {
    const found = await stat(join(folder, path)).catch(() => undefined);
    if (found?.isFile()) files.push({ path, sizeBytes: found.size });
  }
  const open = (file: { path: string }): Promise<ByteSource> => openFileSource(join(folder, file.path));
  const { signal } = options;
  const picked = await pickFiles(files, {
    variant: undefined,
    place: `The folder ${folder}`,
    open,
    inspect: inspectGguf,
    ...(signal === undefined ? {} : { signal }),
  });
  const paths =
    picked.kind === "gguf"
      ? { kind: picked.kind, language: picked.language.map(at), projector: picked.projector && at(picked.projector) }
      : { kind: picked.kind, files: picked.files.map(at) };
  return partsOf(folder, paths, options);

  function at(file: PathAndSize): string {
    return join(folder, file.path);
  }
}

async function besideFile(path: string, options: LocateOptions): Promise<ModelParts> {
  const folder = dirname(path);
  const isGguf = /\.gguf$/i.test(path);
  const vision = options.vision ?? (isGguf ? await projectorIn(folder, path) : undefined);
  return { language: path, ...(vision === undefined ? {} : { vision }), companion: companionIn(folder) };
}

/** The vision tower in the same folder, where there is exactly one. */
async function projectorIn(folder: string, language: string): Promise<string | undefined> {
  const names = (await readdir(folder)).filter((name) => /\.gguf$/i.test(name) && name !== basename(language));
  const towers: string[] = [];
  for (const name of names) {
    const source = await openFileSource(join(folder, name));
    try {
      if ((await inspectGguf(source)).architecture === "clip") towers.push(join(folder, name));
    } finally {
      await source.close();
    }
  }
  return towers.length === 1 ? towers[0] : undefined;
}

async function fromOllama(name: string, options: LocateOptions): Promise<ModelParts> {
  const model = await findOllamaModel(ollamaFolder(process.env), name);
  const vision = options.vision ?? model.projector;
  return {
    language: model.language,
    ...(vision === undefined ? {} : { vision }),
    companion: async () => undefined,
  };
}

/** What is on this disk is used as it is: only `pull` asks the hub whether there is something newer. */
async function fromHub(reference: string, options: LocateOptions): Promise<ModelParts> {
  const { signal, onDownload, onPlan, isOffline = false } = options;
  const environment = await readHubEnvironment(process.env);
  const shared = { environment, inspect: inspectGguf, ...(signal === undefined ? {} : { signal }) };
  const pulled = await pullModel(reference, { ...shared, isOffline: true }).catch((error: unknown) => {
    if (isOffline || environment.isOffline || !(error instanceof OfflineError)) throw error;
    return pullModel(reference, {
      ...shared,
      ...(onDownload === undefined ? {} : { onProgress: onDownload }),
      onPlan: ({ listing, missingBytes }) =>
        onPlan?.({ repo: listing.ref.repo, missingBytes, licence: listing.licence?.name ?? listing.licence?.id }),
    });
  });
  const [first] = pulled.files.kind === "gguf" ? pulled.files.language : pulled.files.files;
  return partsOf(dirname(first ?? ""), pulled.files, options);
}

function partsOf(folder: string, files: ModelFiles<string>, options: LocateOptions): ModelParts {
  const companion = companionIn(folder);
  if (files.kind === "gguf") {
    const vision = options.vision ?? files.projector;
    return { language: files.language[0] ?? "", ...(vision === undefined ? {} : { vision }), companion };
  }
  const weights =
    files.files.find((path) => /\.safetensors\.index\.json$/i.test(path)) ??
    files.files.find((path) => /\.safetensors$/i.test(path)) ??
    "";
  return { language: weights, companion };
}

function companionIn(folder: string): ModelParts["companion"] {
  return async (name) => {
    const path = join(folder, basename(name));
    const found = await stat(path).catch(() => undefined);
    return found?.isFile() ? openFileSource(path) : undefined;
  };
}

function atAddress(address: string, options: LocateOptions): ModelParts {
  const companion: ModelParts["companion"] = async (name) => {
    try {
      return await openSource(new URL(name, address).href);
    } catch (error) {
      if (error instanceof HttpError && error.status === 404) return undefined;
      throw error;
    }
  };
  return { language: address, ...(options.vision === undefined ? {} : { vision: options.vision }), companion };
}
