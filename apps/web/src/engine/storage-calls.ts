import type { ModelReference } from "minicpmv";
import {
  httpSettings,
  huggingFaceHub,
  inspectGguf,
  listStoredModels,
  newSha256,
  opfsFolder,
  opfsStore,
  pullModelToStorage,
  removeStoredModel,
  type StoredModel,
  staticHub,
  type WebStorage,
} from "minicpmv/web";
import type { CallContext } from "./engine-worker.ts";
import type { StoredEntry } from "./protocol.ts";

async function openStorage(): Promise<WebStorage> {
  return { blobs: opfsStore(await opfsFolder("minicpmv", "blobs")), notes: await opfsFolder("minicpmv", "models") };
}

// the worker's own file lies in assets/, beside the page's
const MODEL_FOLDER = new URL(import.meta.env.DEV ? "/model/" : "../model/", self.location.href);

interface EmbeddedFile {
  readonly name: string;
  readonly sizeBytes: number;
}

async function embeddedFiles(): Promise<readonly EmbeddedFile[]> {
  const reply = await fetch(new URL("index.json", MODEL_FOLDER));
  if (!reply.ok) return [];
  const { files }: { files: readonly EmbeddedFile[] } = await reply.json();
  return files;
}

/** Size of the model that came with the page; 0 where none did. */
export async function embeddedBytes(): Promise<number> {
  return (await embeddedFiles()).reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}

/** The model that came with the page, read whole, so that it works from the offline cache too. */
export async function embeddedReference(): Promise<ModelReference> {
  const blobs = new Map<string, Blob>();
  for (const { name } of await embeddedFiles()) {
    const reply = await fetch(new URL(name, MODEL_FOLDER));
    if (!reply.ok) throw new Error(`The embedded model's ${name} cannot be read (${reply.status}). Reload the page.`);
    blobs.set(name, await reply.blob());
  }
  const ggufs = [...blobs.keys()].filter((name) => name.endsWith(".gguf"));
  const vision = ggufs.find((name) => name.includes("mmproj"));
  const weights = ggufs.find((name) => name !== vision) ?? [...blobs.keys()].find((n) => n.endsWith(".safetensors"));
  const language = weights === undefined ? undefined : blobs.get(weights);
  if (language === undefined) throw new Error("This page came without a model. Choose another one.");
  const tower = vision === undefined ? undefined : blobs.get(vision);
  return { language, ...(tower === undefined ? {} : { vision: tower }), files: Object.fromEntries(blobs) };
}

export async function storedModels(): Promise<readonly StoredEntry[]> {
  const storage = await openStorage();
  return Promise.all(
    (await listStoredModels(storage)).map(async (stored) => {
      const sizes = await Promise.all(keysOf(stored).map((key) => storage.blobs.sizeOf(key)));
      const sizeBytes = sizes.reduce<number>((sum, size) => sum + (size ?? 0), 0);
      return { repo: nameOf(stored), licence: stored.licence?.name ?? stored.licence?.id, sizeBytes };
    }),
  );
}

/** Fetches a model after the person has agreed. A path of this site or owner/name of the hub. Aborting pauses it. */
export async function pullModel(
  where: string,
  { emit, signal }: CallContext<"pull">,
  agreed: () => Promise<void>,
): Promise<undefined> {
  const storage = await openStorage();
  const http = httpSettings();
  const isOwn = where.startsWith("/") && where.endsWith(".json");
  const hub = isOwn ? staticHub(http, new URL(where, self.location.origin).href) : huggingFaceHub(http);
  await pullModelToStorage(isOwn ? `local/${nameInPath(where)}` : where, {
    storage,
    http,
    hubs: [hub],
    inspect: inspectGguf,
    signal,
    onPlan: async ({ listing, files, missingBytes }) => {
      if (files.kind === "gguf" && files.projector === undefined) {
        throw new Error(
          `${listing.ref.repo} has no vision tower (mmproj), so it could not look at pictures. Choose another.`,
        );
      }
      const { licence } = listing;
      const freeBytes = await storage.blobs.freeBytes();
      const agreement = Promise.race([agreed(), rejectOn(signal)]);
      emit({
        kind: "offer",
        offer: {
          repo: listing.ref.repo,
          licence: licence?.name ?? licence?.id,
          licenceUrl: licence?.link,
          missingBytes,
          freeBytes,
        },
      });
      await agreement;
    },
    onProgress: ({ name, receivedBytes, totalBytes, secondsLeft }) =>
      emit({ kind: "progress", name, receivedBytes, totalBytes, secondsLeft }),
  });
  return undefined;
}

function rejectOn(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}

function nameInPath(path: string): string {
  return path.replace(/^.*\/([^/]+)\/[^/]*$/, "$1").replace(/[^A-Za-z0-9._-]/g, "-");
}

export async function storedReference(repo: string): Promise<ModelReference> {
  const folder = await opfsFolder("minicpmv", "blobs");
  const { files } = await findStored(await openStorage(), repo);
  const read = async (key: string): Promise<Blob> => (await folder.getFileHandle(key)).getFile();
  if (files.kind === "gguf") {
    const [first] = files.language;
    if (first === undefined) throw new Error(`${repo} has no weights.`);
    const language = await read(first.key);
    return files.projector === undefined ? { language } : { language, vision: await read(files.projector.key) };
  }
  const blobs = await Promise.all(files.files.map(async ({ path, key }) => [path, await read(key)] as const));
  const weights = blobs.find(([path]) => /\.safetensors(\.index\.json)?$/.test(path));
  if (weights === undefined) throw new Error(`${repo} has no weights.`);
  return { language: weights[1], files: Object.fromEntries(blobs) };
}

const CHUNK_BYTES = 2 ** 22;

/** Reads a stored model again and compares its checksums. */
export async function verifyModel(repo: string, { emit, signal }: CallContext<"verify">): Promise<boolean> {
  const storage = await openStorage();
  const keys = keysOf(await findStored(storage, repo));
  const sizes = await Promise.all(keys.map(async (key) => (await storage.blobs.sizeOf(key)) ?? 0));
  const totalBytes = sizes.reduce((a, b) => a + b, 0);
  let doneBytes = 0;
  for (const key of keys) {
    const source = await storage.blobs.open(key);
    const sum = newSha256();
    for (let at = 0; at < source.sizeBytes; at += CHUNK_BYTES) {
      signal.throwIfAborted();
      const bytes = await source.read(at, Math.min(CHUNK_BYTES, source.sizeBytes - at));
      sum.update(bytes);
      doneBytes += bytes.length;
      emit({ doneBytes, totalBytes });
    }
    await source.close();
    // small files are named by git's checksum, which covers more than their bytes; they were checked when they came
    if (key.length === 64 && sum.hex() !== key) return false;
  }
  return true;
}

export async function removeModel(repo: string): Promise<undefined> {
  const storage = await openStorage();
  await removeStoredModel(storage, await findStored(storage, repo));
  return undefined;
}

async function findStored(storage: WebStorage, repo: string): Promise<StoredModel> {
  const found = (await listStoredModels(storage)).find((stored) => nameOf(stored) === repo);
  if (found === undefined) throw new Error(`${repo} is not on this device any more. Fetch it again.`);
  return found;
}

function nameOf({ repo, variant }: StoredModel): string {
  return variant === undefined ? repo : `${repo}:${variant}`;
}

function keysOf({ files }: StoredModel): readonly string[] {
  if (files.kind === "safetensors") return files.files.map(({ key }) => key);
  return [...files.language, ...(files.projector === undefined ? [] : [files.projector])].map(({ key }) => key);
}
