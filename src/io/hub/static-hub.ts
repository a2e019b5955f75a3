import { ArgumentError } from "../../base/errors.ts";
import { ServerReplyError } from "../errors.ts";
import { fetchSmall } from "../http/fetch-small.ts";
import type { HttpSettings } from "../http/settings.ts";
import { encodePath } from "./hugging-face.ts";
import { JsonReply } from "./json.ts";
import type { Hub, RepoFile } from "./listing.ts";
import { isSafePath } from "./repo-ref.ts";

const MAX_REPLY_BYTES = 2 ** 22;

/**
 * One model served by any web server, such as the page's own: a JSON list `{ commit, licence?, files: [{ path, sizeBytes, sha256 }] }`,
 * with the files beside it.
 */
export function staticHub(http: HttpSettings, listUrl: string): Hub {
  if (!URL.canParse(listUrl)) {
    throw new ArgumentError(`"${listUrl}" is not a whole address.`, "Resolve it against the page's address first.");
  }
  return {
    name: listUrl,
    list: async (ref, signal) => {
      const { bytes } = await fetchSmall(http, listUrl, { maxBytes: MAX_REPLY_BYTES, signal });
      const reply = JsonReply.parse(listUrl, bytes);
      const commit = reply.at("commit").string("the commit");
      if (!/^[\w.-]{1,64}$/.test(commit)) throw new ServerReplyError(listUrl, `"${commit}" cannot name a version`);
      const id = reply.at("licence").optionalString();
      const files = reply
        .at("files")
        .items("the list of files")
        .map((entry) => readFile(entry, listUrl));
      return { hub: listUrl, ref, commit, licence: id === undefined ? undefined : { id }, files };
    },
  };
}

function readFile(entry: JsonReply, listUrl: string): RepoFile {
  const path = entry.at("path").string("a file's path");
  if (!isSafePath(path))
    throw new ServerReplyError(listUrl, `the path ${JSON.stringify(path)} leads out of the folder`);
  const sizeBytes = entry.at("sizeBytes").size(`the size of ${path}`);
  const hex = entry.at("sha256").hex(`the sha256 of ${path}`, 64);
  return { path, sizeBytes, digest: { algorithm: "sha256", hex }, url: new URL(encodePath(path), listUrl).href };
}
