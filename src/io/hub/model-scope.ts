import { MiniCpmError } from "../../base/errors.ts";
import { HubError, ServerReplyError } from "../errors.ts";
import { fetchSmall } from "../http/fetch-small.ts";
import type { HttpSettings } from "../http/settings.ts";
import { encodePath } from "./hugging-face.ts";
import { JsonReply } from "./json.ts";
import type { Hub, Licence, RepoFile, RepoListing } from "./listing.ts";
import { isSafePath, type RepoRef } from "./repo-ref.ts";
import { newSha256 } from "./sha256.ts";

export const MODEL_SCOPE = "https://modelscope.cn";
const MAX_REPLY_BYTES = 2 ** 24;

/** Owners that spell their name differently there. */
const OWNERS: Readonly<Record<string, string>> = { openbmb: "OpenBMB" };

/** ModelScope, which publishes the same files under another interface. Only branches and tags of its own are known there. */
export function modelScopeHub(http: HttpSettings, endpoint: string = MODEL_SCOPE): Hub {
  const base = endpoint.replace(/\/+$/, "");
  return { name: base, list: (ref, signal) => list(http, base, ref, signal) };
}

async function list(http: HttpSettings, base: string, ref: RepoRef, signal?: AbortSignal): Promise<RepoListing> {
  const [owner, name] = ref.repo.split("/");
  const repo = `${OWNERS[owner] ?? owner}/${name}`;
  const revision = ref.revision === "main" ? "master" : ref.revision;
  const url = `${base}/api/v1/models/${repo}/repo/files?Revision=${encodeURIComponent(revision)}&Recursive=true`;
  const reply = JsonReply.parse(url, (await fetchSmall(http, url, { maxBytes: MAX_REPLY_BYTES, signal })).bytes);
  // Errors come with status 200 and a code inside.
  if (reply.at("Success").value === false) {
    const message = reply.at("Message").optionalString() ?? "no reason given";
    throw new HubError(`${base} does not list ${repo}: ${message}.`, "Check the name, or use another hub.");
  }
  const files = reply
    .at("Data", "Files")
    .items("the list of files")
    .filter((entry) => entry.at("Type").optionalString() !== "tree")
    .map((entry) => readFile(entry, `${base}/models/${repo}/resolve/${encodeURIComponent(revision)}`));
  return {
    hub: base,
    ref,
    commit: contentName(files),
    licence: await readLicence(http, `${base}/api/v1/models/${repo}`, signal),
    files,
  };
}

function readFile(entry: JsonReply, resolveUrl: string): RepoFile {
  const path = entry.at("Path").string("a file's path");
  if (!isSafePath(path))
    throw new ServerReplyError(entry.url, `the path ${JSON.stringify(path)} leads out of the repository`);
  const sizeBytes = entry.at("Size").size(`the size of ${path}`);
  const hex = entry.at("Sha256").hex(`the sha256 of ${path}`, 64);
  return { path, sizeBytes, digest: { algorithm: "sha256", hex }, url: `${resolveUrl}/${encodePath(path)}` };
}

/** The list gives no commit of the whole, so the content names the snapshot. */
function contentName(files: readonly RepoFile[]): string {
  const lines = files.map(({ path, digest }) => `${digest.hex} ${path}\n`).sort();
  const sum = newSha256();
  sum.update(new TextEncoder().encode(lines.join("")));
  return sum.hex().slice(0, 40);
}

async function readLicence(http: HttpSettings, url: string, signal?: AbortSignal): Promise<Licence | undefined> {
  try {
    const { bytes } = await fetchSmall(http, url, { maxBytes: MAX_REPLY_BYTES, signal });
    const id = JsonReply.parse(url, bytes).at("Data", "License").optionalString();
    return id ? { id } : undefined;
  } catch (error) {
    // The files are what matters; an unknown licence is shown as unknown.
    if (!(error instanceof MiniCpmError) || signal?.aborted) throw error;
    return undefined;
  }
}
