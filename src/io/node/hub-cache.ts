import { randomUUID } from "node:crypto";
import { copyFile, link, mkdir, readdir, readFile, rename, stat, symlink, writeFile } from "node:fs/promises";
import { dirname, join, relative, sep } from "node:path";
import { ArgumentError } from "../../base/errors.ts";
import type { BlobStore } from "../hub/blob-store.ts";
import type { PathAndSize } from "../hub/pick-files.ts";
import { isSafePath } from "../hub/repo-ref.ts";
import { folderStore } from "./folder-store.ts";
import { errorCode, ignoreMissing } from "./fs-helpers.ts";

export interface CachedFile extends PathAndSize {
  /** On this disk. */
  readonly filePath: string;
}

/** The part of a Hugging Face cache folder that belongs to one model repository. */
export interface RepoCache {
  readonly folder: string;
  readonly blobs: BlobStore;
  /** Shows a finished blob as snapshots/<commit>/<path>. Gives back that path. */
  addToSnapshot(commit: string, path: string, blobKey: string): Promise<string>;
  setRef(revision: string, commit: string): Promise<void>;
  /** The commit that a branch, tag or (whole or shortened) commit means on this disk. */
  commitOf(revision: string): Promise<string | undefined>;
  /** Every commit that has a snapshot here, the youngest first. */
  commits(): Promise<string[]>;
  /** Every file of a snapshot whose blob is really there. */
  snapshotFiles(commit: string): Promise<CachedFile[]>;
}

/** How a blob gets its name in a snapshot; the system's own ways unless a test forbids some. */
export interface LinkWays {
  readonly symlink: (target: string, path: string) => Promise<void>;
  readonly link: (existingPath: string, path: string) => Promise<void>;
}

/** `repo` is "owner/name". Throws ArgumentError for a name that leads elsewhere. */
export function repoCache(cacheFolder: string, repo: string, links: LinkWays = { symlink, link }): RepoCache {
  if (!/^[\w.-]+\/[\w.-]+$/.test(repo) || !isSafePath(repo)) {
    throw new ArgumentError(`"${repo}" is not the name of a repository.`, "Write owner/name.");
  }
  const folder = join(cacheFolder, `models--${repo.replace("/", "--")}`);
  const refPath = (revision: string): string => join(folder, "refs", ...safeParts(revision));
  const snapshot = (commit: string): string => join(folder, "snapshots", ...safeParts(commit));
  return {
    folder,
    blobs: folderStore(join(folder, "blobs")),
    addToSnapshot: async (commit, path, blobKey) => {
      const at = join(snapshot(commit), ...safeParts(path));
      await linkAtomically(links, join(folder, "blobs", blobKey), at);
      return at;
    },
    setRef: async (revision, commit) => {
      // A commit is its own name.
      if (revision === commit) return;
      await mkdir(dirname(refPath(revision)), { recursive: true });
      const temporary = `${refPath(revision)}.${randomUUID()}`;
      await writeFile(temporary, commit);
      await rename(temporary, refPath(revision));
    },
    commitOf: (revision) => commitOf(folder, refPath(revision), revision),
    commits: () => youngestFirst(join(folder, "snapshots")),
    snapshotFiles: (commit) => filesBelow(snapshot(commit)),
  };
}

function safeParts(path: string): string[] {
  if (!isSafePath(path)) throw new ArgumentError(`"${path}" leads out of the cache.`, "Use a plain name.");
  return path.split("/");
}

async function commitOf(folder: string, refPath: string, revision: string): Promise<string | undefined> {
  const text = await readFile(refPath, "utf8").catch((error: unknown) => {
    if (errorCode(error) !== "EISDIR") ignoreMissing(error);
    return undefined;
  });
  if (text !== undefined && isSafePath(text.trim())) return text.trim();
  if (!/^[0-9a-f]{7,40}$/.test(revision)) return undefined;
  const names = await readdir(join(folder, "snapshots")).catch(() => []);
  return names.find((name) => name.startsWith(revision));
}

async function youngestFirst(folder: string): Promise<string[]> {
  const names = (await readdir(folder).catch(() => [])).filter(isSafePath);
  const dated = await Promise.all(
    names.map(async (name) => ({ name, atMs: (await stat(join(folder, name))).mtimeMs })),
  );
  return dated.sort((a, b) => b.atMs - a.atMs).map(({ name }) => name);
}

/** Symbolic link, or a hard link, or a copy: whichever the disk allows. The name appears in one step. */
async function linkAtomically(links: LinkWays, blobPath: string, at: string): Promise<void> {
  // A commit's path always means the same bytes: no copy of gigabytes at every pull. And a rename of one hard link over another of the
  // same file does nothing, which would leave the temporary name behind.
  const [blob, known] = await Promise.all([stat(blobPath), stat(at).catch(() => undefined)]);
  if (known?.size === blob.size) return;
  await mkdir(dirname(at), { recursive: true });
  const temporary = `${at}.${randomUUID()}`;
  const ways = [
    () => links.symlink(relative(dirname(at), blobPath).split(sep).join("/"), temporary),
    () => links.link(blobPath, temporary),
    () => copyFile(blobPath, temporary),
  ];
  for (const [i, way] of ways.entries()) {
    try {
      await way();
      break;
    } catch (error) {
      if (i === ways.length - 1) throw error;
    }
  }
  await rename(temporary, at);
}

/** Every readable file below a folder, by its path inside it. An absent folder is an empty one. */
export async function filesBelow(folder: string): Promise<CachedFile[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  const files: CachedFile[] = [];
  for (const entry of entries) {
    if (entry.isDirectory()) continue;
    const filePath = join(entry.parentPath, entry.name);
    // A link whose blob was removed counts as absent.
    const found = await stat(filePath).catch(() => undefined);
    if (!found?.isFile()) continue;
    files.push({ path: relative(folder, filePath).split(sep).join("/"), sizeBytes: found.size, filePath });
  }
  return files;
}
