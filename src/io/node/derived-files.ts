import { randomUUID } from "node:crypto";
import { mkdir, readdir, readFile, rename, stat, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ignoreMissing } from "./fs-helpers.ts";
import type { CachedFile } from "./hub-cache.ts";

/** A file that a transform made of a published one. */
export interface DerivedFile {
  /** Of the published file, inside its repository. */
  readonly path: string;
  /** Of the result, in the derived folder. */
  readonly key: string;
}

/** Notes that a snapshot's file exists in rewritten form only, so that it is found again offline. */
export async function noteDerivedFile(folder: string, repo: string, commit: string, file: DerivedFile): Promise<void> {
  const path = notePath(folder, repo, commit);
  const others = (await readNote(path)).filter((one) => one.path !== file.path);
  await mkdir(folder, { recursive: true });
  const temporary = `${path}.${randomUUID()}`;
  await writeFile(temporary, JSON.stringify([...others, file]));
  await rename(temporary, path);
}

/** The rewritten files of a snapshot that are on this disk. */
export async function derivedFiles(folder: string, repo: string, commit: string): Promise<CachedFile[]> {
  const files: CachedFile[] = [];
  for (const { path, key } of await readNote(notePath(folder, repo, commit))) {
    const filePath = join(folder, key);
    const found = await stat(filePath).catch(() => undefined);
    if (found) files.push({ path, sizeBytes: found.size, filePath });
  }
  return files;
}

/** Removes what was made of a repository's files. Gives back the bytes freed. */
export async function removeDerivedFiles(folder: string, repo: string): Promise<number> {
  const prefix = `${repo.replace("/", "--")}.`;
  const names = (await readdir(folder).catch(() => [])).filter(
    (name) => name.startsWith(prefix) && name.endsWith(".json"),
  );
  let freedBytes = 0;
  for (const name of names) {
    for (const { key } of await readNote(join(folder, name))) {
      const found = await stat(join(folder, key)).catch(() => undefined);
      await unlink(join(folder, key)).catch(ignoreMissing);
      freedBytes += found?.size ?? 0;
    }
    await unlink(join(folder, name));
  }
  return freedBytes;
}

function notePath(folder: string, repo: string, commit: string): string {
  return join(folder, `${repo.replace("/", "--")}.${commit}.json`);
}

async function readNote(path: string): Promise<readonly DerivedFile[]> {
  try {
    const note: unknown = JSON.parse(await readFile(path, "utf8"));
    return Array.isArray(note) ? note.filter(isDerivedFile) : [];
  } catch {
    // No note, or one from a disk that lost it: the published file is fetched again.
    return [];
  }
}

function isDerivedFile(value: unknown): value is DerivedFile {
  if (typeof value !== "object" || value === null || !("path" in value) || !("key" in value)) return false;
  return typeof value.path === "string" && typeof value.key === "string" && /^[\w.-]+$/.test(value.key);
}
