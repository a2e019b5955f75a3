import { randomUUID } from "node:crypto";
import { readdir, readFile, readlink, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { PathAndSize } from "../hub/pick-files.ts";
import { type CachedFile, filesBelow, repoCache } from "./hub-cache.ts";

export interface CachedRepo {
  readonly repo: string;
  readonly folder: string;
  /** Bytes on disk, each blob once, unfinished downloads included. */
  readonly sizeBytes: number;
  readonly unfinishedBytes: number;
  readonly revisions: readonly CachedRevision[];
}

export interface CachedRevision {
  readonly commit: string;
  /** Branches and tags that mean this commit. */
  readonly refs: readonly string[];
  readonly files: readonly CachedFile[];
}

/** What a cache folder holds, other tools' models included. An absent folder is an empty one. */
export async function listCachedRepos(cacheFolder: string): Promise<CachedRepo[]> {
  const names = await readdir(cacheFolder).catch(() => []);
  const repos: CachedRepo[] = [];
  for (const name of names.sort()) {
    const match = /^models--([^-](?:.*?[^-])?)--(.+)$/.exec(name);
    if (match) repos.push(await describeRepo(cacheFolder, `${match[1]}/${match[2]}`));
  }
  return repos;
}

async function describeRepo(cacheFolder: string, repo: string): Promise<CachedRepo> {
  const cache = repoCache(cacheFolder, repo);
  const refs = await filesBelow(join(cache.folder, "refs"));
  const pairs = await Promise.all(
    refs.map(async ({ path, filePath }) => [path, (await readFile(filePath, "utf8")).trim()]),
  );
  const commits = (await readdir(join(cache.folder, "snapshots")).catch(() => [])).sort();
  const revisions: CachedRevision[] = [];
  for (const commit of commits) {
    const names = pairs.filter(([, target]) => target === commit).map(([ref]) => ref);
    revisions.push({ commit, refs: names, files: await cache.snapshotFiles(commit) });
  }
  const blobs = await filesBelow(join(cache.folder, "blobs"));
  const sum = (files: readonly PathAndSize[]): number => files.reduce((total, { sizeBytes }) => total + sizeBytes, 0);
  // Where links could not be made, the copies in the snapshots take room of their own.
  const copies: PathAndSize[] = [];
  for (const file of revisions.flatMap(({ files }) => files)) {
    const isLink = await readlink(file.filePath).then(
      () => true,
      () => false,
    );
    const { nlink } = await stat(file.filePath);
    if (!isLink && nlink === 1) copies.push(file);
  }
  const unfinishedBytes = sum(blobs.filter(({ path }) => path.endsWith(".incomplete")));
  return { repo, folder: cache.folder, sizeBytes: sum(blobs) + sum(copies), unfinishedBytes, revisions };
}

/** Removes a repository with all its revisions. Gives back the bytes freed; undefined when it is not in the cache. */
export async function removeCachedRepo(cacheFolder: string, repo: string): Promise<number | undefined> {
  const { folder } = repoCache(cacheFolder, repo);
  if (!(await stat(folder).catch(() => undefined))) return undefined;
  const { sizeBytes } = await describeRepo(cacheFolder, repo);
  // Out of sight first, so that a removal that is cut off leaves no half of a model under its name.
  const aside = `${folder}.removing-${randomUUID()}`;
  await rename(folder, aside);
  await rm(aside, { recursive: true });
  return sizeBytes;
}
