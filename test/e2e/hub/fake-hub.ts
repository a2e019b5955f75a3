import { createHash } from "node:crypto";

export interface FakeFile {
  readonly path: string;
  readonly bytes: Uint8Array;
  /** False publishes git's sha1 name, as the hub does for small text files. */
  readonly isLarge?: boolean;
}

export interface FakeRepo {
  readonly repo: string;
  readonly revision: string;
  readonly commit: string;
  readonly licence?: string;
  readonly files: readonly FakeFile[];
}

/** What the Hugging Face interface answers for a repository: address → content. */
export function huggingFaceRoutes({ repo, revision, commit, licence, files }: FakeRepo): Map<string, Uint8Array> {
  const routes = new Map<string, Uint8Array>();
  const info = { id: repo, sha: commit, cardData: licence ? { license: licence } : {} };
  routes.set(`/api/models/${repo}/revision/${encodeURIComponent(revision)}`, json(info));
  routes.set(`/api/models/${repo}/revision/${commit}`, json(info));
  const tree = [{ type: "directory", path: "sub", oid: "0".repeat(40), size: 0 }, ...files.map(treeEntry)];
  routes.set(`/api/models/${repo}/tree/${commit}?recursive=true`, json(tree));
  for (const { path, bytes } of files) routes.set(`/${repo}/resolve/${commit}/${path}`, bytes);
  return routes;
}

/** The same for ModelScope's interface. */
export function modelScopeRoutes({ repo, licence, files }: FakeRepo): Map<string, Uint8Array> {
  const routes = new Map<string, Uint8Array>();
  const list = files.map(({ path, bytes }) => ({
    Path: path,
    Type: "blob",
    Size: bytes.length,
    Sha256: sha256(bytes),
  }));
  const entries = [{ Path: "sub", Type: "tree", Size: 0, Sha256: "" }, ...list];
  const query = "repo/files?Revision=master&Recursive=true";
  routes.set(`/api/v1/models/${repo}/${query}`, json({ Code: 200, Success: true, Data: { Files: entries } }));
  routes.set(`/api/v1/models/${repo}`, json({ Code: 200, Success: true, Data: { License: licence } }));
  for (const { path, bytes } of files) routes.set(`/models/${repo}/resolve/master/${path}`, bytes);
  return routes;
}

/** A stand-in for a GGUF file: its first line is the architecture, which `inspectFake` reads. */
export function fakeGguf(architecture: string, sizeBytes: number): Uint8Array {
  const bytes = Uint8Array.from({ length: sizeBytes }, (_, i) => (i * 2654435761) >>> 24);
  bytes.set(new TextEncoder().encode(`${architecture}\n`));
  return bytes;
}

export function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

function treeEntry({ path, bytes, isLarge = true }: FakeFile): object {
  const oid = createHash("sha1").update(`blob ${bytes.length}\0`).update(bytes).digest("hex");
  const lfs = isLarge ? { lfs: { oid: sha256(bytes), size: bytes.length, pointerSize: 134 } } : {};
  return { type: "file", path, oid, size: bytes.length, ...lfs };
}

function json(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}
