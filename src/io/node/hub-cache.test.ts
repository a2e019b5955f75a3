import { link, lstat, mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ArgumentError } from "../../base/errors.ts";
import { listCachedRepos } from "./cached-repos.ts";
import { repoCache } from "./hub-cache.ts";

const refuse = (): Promise<void> => Promise.reject(Object.assign(new Error("EPERM"), { code: "EPERM" }));

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "minicpmv-cache-"));
  await mkdir(join(folder, "models--a--b", "blobs"), { recursive: true });
  await writeFile(join(folder, "models--a--b", "blobs", "key"), "0123456789");
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

// Windows without developer mode makes no symbolic links, exFAT makes no links at all: the model must still be found there.
test.each([
  ["symbolic links", { symlink, link }, 10],
  ["hard links", { symlink: refuse, link }, 10],
  ["copies", { symlink: refuse, link: refuse }, 20],
])("a snapshot of %s has the blob's bytes, and the size on disk is counted right", async (name, links, sizeBytes) => {
  const cache = repoCache(folder, "a/b", links);
  const path = await cache.addToSnapshot("c1", "deep/er/x.gguf", "key");
  // Twice: a second pull finds the name taken.
  await cache.addToSnapshot("c1", "deep/er/x.gguf", "key");
  expect(await readFile(path, "utf8")).toBe("0123456789");
  expect((await lstat(path)).isSymbolicLink()).toBe(name === "symbolic links");
  expect((await stat(path)).nlink).toBe(name === "hard links" ? 2 : 1);
  expect(await listCachedRepos(folder)).toMatchObject([{ repo: "a/b", sizeBytes }]);
});

test("a shortened commit, a branch with slashes, and names that lead elsewhere", async () => {
  const cache = repoCache(folder, "a/b");
  const commit = "abcdef0".padEnd(40, "1");
  await cache.addToSnapshot(commit, "x", "key");
  await cache.setRef("refs/pr/1", commit);
  expect(await cache.commitOf("refs/pr/1")).toBe(commit);
  expect(await cache.commitOf("abcdef0")).toBe(commit);
  expect(await cache.commitOf("refs")).toBeUndefined();
  expect(await cache.commitOf("main")).toBeUndefined();
  await expect(cache.addToSnapshot(commit, "../../x", "key")).rejects.toBeInstanceOf(ArgumentError);
  for (const repo of ["a", "../b", "a/..", "a/b/c", "a\\b/c"])
    expect(() => repoCache(folder, repo), repo).toThrow(ArgumentError);
});

test("an absent cache is an empty one", async () => {
  expect(await listCachedRepos(join(folder, "nowhere"))).toEqual([]);
});
