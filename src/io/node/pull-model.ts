import { createHash } from "node:crypto";
import { join } from "node:path";
import type { ByteSource } from "../byte-source.ts";
import { cachedSource } from "../cached-source.ts";
import { DiskSpaceError, HubError, NetworkError, OfflineError } from "../errors.ts";
import { openHttpSource } from "../http/http-source.ts";
import type { BlobStore } from "../hub/blob-store.ts";
import { downloadBlob } from "../hub/download-blob.ts";
import { type Hub, type Licence, listRepo, mirrorsOf, type RepoFile, type RepoListing } from "../hub/listing.ts";
import { listModelFiles, mapModelFiles } from "../hub/model-files.ts";
import { type InspectGguf, type ModelFiles, pickFiles } from "../hub/pick-files.ts";
import type { DownloadProgress } from "../hub/progress.ts";
import { parseRepoRef, type RepoRef } from "../hub/repo-ref.ts";
import type { Digest } from "../hub/sha256.ts";
import type { StreamTransform } from "../hub/sink.ts";
import { derivedFiles, noteDerivedFile } from "./derived-files.ts";
import { openFileSource } from "./file-source.ts";
import { folderStore } from "./folder-store.ts";
import { type RepoCache, repoCache } from "./hub-cache.ts";
import { defaultHubs, type HubEnvironment } from "./hub-environment.ts";

export interface PullOptions {
  readonly environment: HubEnvironment;
  readonly inspect: InspectGguf;
  /** Forbids the network, as HF_HUB_OFFLINE does. */
  readonly isOffline?: boolean;
  /** Asked in order; the environment's endpoint and ModelScope unless given. */
  readonly hubs?: readonly Hub[];
  /** Called before the first byte of a model: show the licence here, or throw to stop. */
  readonly onPlan?: (plan: PullPlan) => void | Promise<void>;
  readonly onProgress?: (progress: DownloadProgress) => void;
  /** Rewrites a file while it arrives, such as an F16 tower to 8 bit. The result goes to the derived folder. */
  readonly transform?: (file: RepoFile) => StreamTransform | undefined;
  readonly signal?: AbortSignal;
}

export interface PullPlan {
  readonly listing: RepoListing;
  readonly files: ModelFiles;
  /** Still to fetch. */
  readonly missingBytes: number;
}

/** A model on this disk. Paths are absolute where the cache folder is. */
export interface PulledModel {
  readonly repo: string;
  readonly commit: string;
  /** Undefined offline, since the cache does not keep it, and where the card gives none. */
  readonly licence: Licence | undefined;
  readonly files: ModelFiles<string>;
}

/**
 * Brings a model into the shared cache, or finds it there. Online it asks for the revision's commit first, so that a moved branch is followed.
 * Throws what `downloadBlob` throws, and HubError, OfflineError.
 */
export async function pullModel(where: string | RepoRef, options: PullOptions): Promise<PulledModel> {
  const ref = typeof where === "string" ? parseRepoRef(where) : where;
  const { environment, signal } = options;
  const cache = repoCache(environment.cacheFolder, ref.repo);
  if (options.isOffline || environment.isOffline) return fromCache(cache, ref, options);
  const hubs = options.hubs ?? defaultHubs(environment);
  let listing: RepoListing;
  try {
    listing = await listRepo(hubs, ref, signal);
  } catch (error) {
    // No network at all: a model that is here already still runs.
    if (!(error instanceof NetworkError)) throw error;
    return fromCache(cache, ref, options).catch(() => {
      throw error;
    });
  }
  return fetchModel({ cache, ref, listing, hubs, options });
}

async function fromCache(cache: RepoCache, ref: RepoRef, options: PullOptions): Promise<PulledModel> {
  const commit = await cache.commitOf(ref.revision);
  if (commit === undefined) throw new OfflineError(`${ref.repo}@${ref.revision}`);
  // A branch may have moved on when another quantisation was pulled: then an older snapshot still has this one. A commit means itself.
  const isBranch = !commit.startsWith(ref.revision);
  const older = isBranch ? (await cache.commits()).filter((one) => one !== commit) : [];
  for (const one of [commit, ...older]) {
    try {
      return await fromSnapshot(cache, ref, one, options);
    } catch (error) {
      if (!(error instanceof HubError)) throw error;
    }
  }
  throw new OfflineError(`${ref.repo}${ref.variant === undefined ? "" : `:${ref.variant}`}`);
}

async function fromSnapshot(
  cache: RepoCache,
  ref: RepoRef,
  commit: string,
  options: PullOptions,
): Promise<PulledModel> {
  const derived = await derivedFiles(options.environment.derivedFolder, ref.repo, commit);
  const cached = [...(await cache.snapshotFiles(commit)), ...derived];
  const open = (file: { path: string }): Promise<ByteSource> => openFileSource(pathIn(cached, file.path));
  const { inspect, signal } = options;
  const picked = await pickFiles(cached, { variant: ref.variant, open, inspect, signal });
  return { repo: ref.repo, commit, licence: undefined, files: mapModelFiles(picked, (file) => file.filePath) };
}

function pathIn(files: readonly { path: string; filePath: string }[], path: string): string {
  const found = files.find((file) => file.path === path);
  if (!found) throw new OfflineError(path);
  return found.filePath;
}

interface Fetch {
  readonly cache: RepoCache;
  readonly ref: RepoRef;
  readonly listing: RepoListing;
  readonly hubs: readonly Hub[];
  readonly options: PullOptions;
}

async function fetchModel(job: Fetch): Promise<PulledModel> {
  const { cache, ref, listing, options } = job;
  const { inspect, signal } = options;
  const open = async (file: { path: string }): Promise<ByteSource> => openForHeader(job, file.path);
  const picked = await pickFiles(listing.files, { variant: ref.variant, open, inspect, signal });
  const wanted = listModelFiles(picked);
  let missingBytes = 0;
  for (const file of wanted) {
    const { store, key, transform } = placeOf(job, file);
    if ((await store.sizeOf(key)) === undefined) missingBytes += transform?.expectedBytes ?? file.sizeBytes;
  }
  await options.onPlan?.({ listing, files: picked, missingBytes });
  // All of it at once: finding out after the first gigabytes that the second file does not fit helps nobody.
  const freeBytes = await cache.blobs.freeBytes();
  if (wanted.length > 1 && freeBytes !== undefined && missingBytes - (await unfinished(job, wanted)) > freeBytes) {
    throw new DiskSpaceError(cache.folder, missingBytes, freeBytes);
  }
  const paths = new Map<RepoFile, string>();
  for (const file of wanted) paths.set(file, await fetchFile(job, file));
  await cache.setRef(ref.revision, listing.commit);
  for (const file of wanted) {
    const { transform, key } = placeOf(job, file);
    if (transform)
      await noteDerivedFile(options.environment.derivedFolder, ref.repo, listing.commit, { path: file.path, key });
  }
  const files = mapModelFiles(picked, (file) => paths.get(file) ?? file.path);
  return { repo: ref.repo, commit: listing.commit, licence: listing.licence, files };
}

async function unfinished({ cache }: Fetch, files: readonly RepoFile[]): Promise<number> {
  let bytes = 0;
  for (const { digest } of files) bytes += (await cache.blobs.sizeOf(`${digest.hex}.minicpmv.incomplete`)) ?? 0;
  return bytes;
}

/** Headers are read from the cache where the file is there, and by range otherwise. */
async function openForHeader({ cache, listing, hubs, options }: Fetch, path: string): Promise<ByteSource> {
  const file = listing.files.find((one) => one.path === path);
  if (!file) throw new HubError(`${path} is not in the repository.`, "Check its name.");
  if ((await cache.blobs.sizeOf(file.digest.hex)) !== undefined) return cache.blobs.open(file.digest.hex);
  const { http } = options.environment;
  try {
    return cachedSource(await openHttpSource(file.url, http, options.signal));
  } catch (error) {
    const [, ...others] = mirrorsOf(file, listing, hubs, options.signal);
    for (const other of others) {
      const url = await other().catch(() => undefined);
      if (url !== undefined) return cachedSource(await openHttpSource(url, http, options.signal));
    }
    throw error;
  }
}

interface Place {
  readonly store: BlobStore;
  readonly key: string;
  readonly transform: StreamTransform | undefined;
}

function placeOf({ cache, options }: Fetch, file: RepoFile): Place {
  const transform = options.transform?.(file);
  // What other tools find in the shared cache must be the published bytes, so results of transforms live elsewhere.
  if (!transform) return { store: cache.blobs, key: file.digest.hex, transform };
  return {
    store: folderStore(options.environment.derivedFolder),
    key: `${file.digest.hex}.${transform.name}`,
    transform,
  };
}

async function fetchFile(job: Fetch, file: RepoFile): Promise<string> {
  const { cache, listing, hubs, options } = job;
  const { store, key, transform } = placeOf(job, file);
  const { onProgress, signal, environment } = options;
  const mirrors = mirrorsOf(file, listing, hubs, signal);
  const { path: name, sizeBytes, digest } = file;
  await downloadBlob(
    { http: environment.http, store, newSha256, onProgress, signal },
    { name, key, mirrors, sizeBytes, digest, transform },
  );
  if (transform) return join(environment.derivedFolder, key);
  return cache.addToSnapshot(listing.commit, file.path, key);
}

function newSha256(): Digest {
  const hash = createHash("sha256");
  return { update: (bytes) => void hash.update(bytes), hex: () => hash.digest("hex") };
}
