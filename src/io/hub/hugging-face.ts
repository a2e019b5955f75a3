import { ServerReplyError } from "../errors.ts";
import { fetchSmall } from "../http/fetch-small.ts";
import type { HttpSettings } from "../http/settings.ts";
import { JsonReply } from "./json.ts";
import type { Hub, Licence, RepoFile, RepoListing } from "./listing.ts";
import { isSafePath, type RepoRef } from "./repo-ref.ts";

export const HUGGING_FACE = "https://huggingface.co";
const MAX_REPLY_BYTES = 2 ** 24;
const MAX_PAGES = 50;

/** The Hugging Face hub or a mirror with the same interface (HF_ENDPOINT). */
export function huggingFaceHub(http: HttpSettings, endpoint: string = HUGGING_FACE): Hub {
  const base = endpoint.replace(/\/+$/, "");
  return { name: base, list: (ref, signal) => list(http, base, ref, signal) };
}

async function list(http: HttpSettings, base: string, ref: RepoRef, signal?: AbortSignal): Promise<RepoListing> {
  const repoUrl = `${base}/api/models/${ref.repo}`;
  const infoUrl = `${repoUrl}/revision/${encodeURIComponent(ref.revision)}`;
  const info = JsonReply.parse(infoUrl, (await fetchSmall(http, infoUrl, { maxBytes: MAX_REPLY_BYTES, signal })).bytes);
  const commit = info.at("sha").hex("the commit", 40);
  const files: RepoFile[] = [];
  // By commit, not by branch: a push between two pages or files must not mix two versions.
  let next: string | undefined = `${repoUrl}/tree/${commit}?recursive=true`;
  for (let page = 0; next !== undefined; page++) {
    if (page >= MAX_PAGES) throw new ServerReplyError(next, `the list of files has more than ${MAX_PAGES} pages`);
    const url: string = next;
    const reply = await fetchSmall(http, url, { maxBytes: MAX_REPLY_BYTES, signal });
    for (const entry of JsonReply.parse(url, reply.bytes).items("the list of files")) {
      if (entry.at("type").optionalString() === "file")
        files.push(readFile(entry, `${base}/${ref.repo}/resolve/${commit}`));
    }
    next = nextPage(reply.headers.get("link"), base);
  }
  return { hub: base, ref, commit, licence: readLicence(info), files };
}

function readFile(entry: JsonReply, resolveUrl: string): RepoFile {
  const path = entry.at("path").string("a file's path");
  if (!isSafePath(path))
    throw new ServerReplyError(entry.url, `the path ${JSON.stringify(path)} leads out of the repository`);
  const sha256 = entry.at("lfs", "oid");
  const digest =
    sha256.value === undefined
      ? ({ algorithm: "git-sha1", hex: entry.at("oid").hex(`the git name of ${path}`, 40) } as const)
      : ({ algorithm: "sha256", hex: sha256.hex(`the sha256 of ${path}`, 64) } as const);
  const sizeBytes = (sha256.value === undefined ? entry.at("size") : entry.at("lfs", "size")).size(
    `the size of ${path}`,
  );
  return { path, sizeBytes, digest, url: `${resolveUrl}/${encodePath(path)}` };
}

/** Encodes what an address may not hold and keeps the slashes. */
export function encodePath(path: string): string {
  return path.split("/").map(encodeURIComponent).join("/");
}

function nextPage(link: string | null, base: string): string | undefined {
  const target = /<([^>]+)>;\s*rel="?next"?/.exec(link ?? "")?.[1];
  if (target === undefined) return undefined;
  // A mirror often passes on the original's links: keep the query, and stay on the mirror (and keep the token there).
  const { pathname, search } = new URL(target, `${base}/`);
  const prefix = new URL(base).pathname.replace(/\/$/, "");
  return new URL(base).origin + (pathname.startsWith(prefix) ? "" : prefix) + pathname + search;
}

function readLicence(info: JsonReply): Licence | undefined {
  const card = info.at("cardData");
  const id = card.at("license").optionalString();
  if (id === undefined) return undefined;
  return { id, name: card.at("license_name").optionalString(), link: card.at("license_link").optionalString() };
}
