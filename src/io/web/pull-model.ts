import type { ByteSource } from "../byte-source.ts";
import { cachedSource } from "../cached-source.ts";
import { DiskSpaceError, OfflineError } from "../errors.ts";
import { openHttpSource } from "../http/http-source.ts";
import type { HttpSettings } from "../http/settings.ts";
import type { BlobStore } from "../hub/blob-store.ts";
import { downloadBlob } from "../hub/download-blob.ts";
import { type Hub, type Licence, listRepo, mirrorsOf, type RepoFile, type RepoListing } from "../hub/listing.ts";
import { listModelFiles, mapModelFiles } from "../hub/model-files.ts";
import { type InspectGguf, type ModelFiles, pickFiles } from "../hub/pick-files.ts";
import type { DownloadProgress } from "../hub/progress.ts";
import { parseRepoRef, type RepoRef } from "../hub/repo-ref.ts";
import type { StreamTransform } from "../hub/sink.ts";
import { readText, writeText } from "./opfs-store.ts";
import { type OpfsFolder, removeFile } from "./opfs-types.ts";

/** Where a page keeps models: the bytes by checksum, and a note for each model that names them. */
export interface WebStorage {
  readonly blobs: BlobStore;
  readonly notes: OpfsFolder;
}

export interface WebPullOptions {
  readonly storage: WebStorage;
  readonly http: HttpSettings;
  readonly hubs: readonly Hub[];
  readonly inspect: InspectGguf;
  readonly isOffline?: boolean;
  /** Called before the first byte of a model: show the licence here, or throw to stop. */
  readonly onPlan?: (plan: WebPullPlan) => void | Promise<void>;
  readonly onProgress?: (progress: DownloadProgress) => void;
  readonly transform?: (file: RepoFile) => StreamTransform | undefined;
  readonly signal?: AbortSignal;
}

export interface WebPullPlan {
  readonly listing: RepoListing;
  readonly files: ModelFiles;
  readonly missingBytes: number;
}

/** A file in the page's storage. */
export interface StoredFile {
  readonly path: string;
  readonly key: string;
}

/** A model in the page's storage; open its files with `storage.blobs.open(key)`. */
export interface StoredModel {
  readonly repo: string;
  readonly revision: string;
  readonly variant?: string;
  readonly commit: string;
  readonly licence?: Licence;
  readonly files: ModelFiles<StoredFile>;
}

/** Brings a model into the page's storage, or finds it there. Run it in a dedicated worker. Throws what `downloadBlob` throws, HubError, OfflineError. */
export async function pullModelToStorage(where: string | RepoRef, options: WebPullOptions): Promise<StoredModel> {
  const ref = typeof where === "string" ? parseRepoRef(where) : where;
  const { storage, hubs, signal } = options;
  const known = await loadNote(storage, noteName(ref));
  if (options.isOffline) {
    if (!known) throw new OfflineError(`${ref.repo}@${ref.revision}`);
    return known;
  }
  const listing = await listRepo(hubs, ref, signal);
  if (known?.commit === listing.commit) return known;
  const open = (file: { path: string }): Promise<ByteSource> => openForHeader(options, listing, file.path);
  const picked = await pickFiles(listing.files, { variant: ref.variant, open, inspect: options.inspect, signal });
  const stored = mapModelFiles(picked, (file) => place(options, file));
  const missingBytes = await countMissing(storage.blobs, listModelFiles(stored));
  await options.onPlan?.({ listing, files: picked, missingBytes });
  const freeBytes = await storage.blobs.freeBytes();
  if (freeBytes !== undefined && missingBytes > freeBytes) {
    throw new DiskSpaceError(storage.blobs.where, missingBytes, freeBytes);
  }
  for (const one of listModelFiles(stored)) await fetchFile(options, listing, one);
  const { repo, revision, variant } = ref;
  const files = mapModelFiles(stored, ({ file, key }) => ({ path: file.path, key }));
  const model: StoredModel = { repo, revision, variant, commit: listing.commit, licence: listing.licence, files };
  await writeText(storage.notes, noteName(ref), JSON.stringify(model));
  return model;
}

/** Models that are whole in the page's storage. */
export async function listStoredModels(storage: WebStorage): Promise<StoredModel[]> {
  const models: StoredModel[] = [];
  for await (const name of storage.notes.keys()) {
    const model = await loadNote(storage, name);
    if (model) models.push(model);
  }
  return models;
}

/** Removes a model, and those of its files that no other model uses. */
export async function removeStoredModel(storage: WebStorage, model: StoredModel): Promise<void> {
  // The note first: a model without a note is not offered, one without its files would be.
  await removeFile(storage.notes, noteName({ ...model, variant: model.variant }));
  const used = new Set(
    (await listStoredModels(storage)).flatMap(({ files }) => listModelFiles(files).map(({ key }) => key)),
  );
  for (const { key } of listModelFiles(model.files)) if (!used.has(key)) await storage.blobs.remove(key);
}

interface Placed {
  readonly file: RepoFile;
  readonly key: string;
  readonly transform: StreamTransform | undefined;
}

function place({ transform }: WebPullOptions, file: RepoFile): Placed {
  const how = transform?.(file);
  return { file, transform: how, key: how ? `${file.digest.hex}.${how.name}` : file.digest.hex };
}

async function countMissing(blobs: BlobStore, files: readonly Placed[]): Promise<number> {
  let bytes = 0;
  for (const { file, key, transform } of files) {
    if ((await blobs.sizeOf(key)) === undefined) bytes += transform?.expectedBytes ?? file.sizeBytes;
  }
  return bytes;
}

async function fetchFile(
  options: WebPullOptions,
  listing: RepoListing,
  { file, key, transform }: Placed,
): Promise<void> {
  const { http, hubs, storage, onProgress, signal } = options;
  const mirrors = mirrorsOf(file, listing, hubs, signal);
  const { path: name, sizeBytes, digest } = file;
  const context = { http, store: storage.blobs, onProgress, signal };
  await downloadBlob(context, { name, key, mirrors, sizeBytes, digest, transform });
}

async function openForHeader(options: WebPullOptions, listing: RepoListing, path: string): Promise<ByteSource> {
  const { storage, http, signal } = options;
  const file = listing.files.find((one) => one.path === path);
  if (!file) throw new OfflineError(path);
  if ((await storage.blobs.sizeOf(file.digest.hex)) !== undefined) return storage.blobs.open(file.digest.hex);
  return cachedSource(await openHttpSource(file.url, http, signal));
}

function noteName({ repo, revision, variant }: RepoRef): string {
  return encodeURIComponent(`${repo}@${revision}:${variant ?? ""}`);
}

/** A note that was cut short, or whose files the browser has cleared, counts as none. */
async function loadNote({ notes, blobs }: WebStorage, name: string): Promise<StoredModel | undefined> {
  const text = await readText(notes, name);
  if (text === undefined) return undefined;
  try {
    const model: StoredModel = JSON.parse(text);
    for (const { key } of listModelFiles(model.files)) if ((await blobs.sizeOf(key)) === undefined) return undefined;
    return model;
  } catch {
    return undefined;
  }
}
