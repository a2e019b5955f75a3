import { constants } from "node:fs";
import { open, realpath, stat } from "node:fs/promises";
import { resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { invalid } from "./errors.ts";

export interface MediaRoot {
  readonly folder: string;
  readonly maxBytes: number;
}

/**
 * Reads a `file:` picture that lies under the media root, given by its full path or from the root. Links are followed
 * and must end inside. Whatever lies outside or is missing gives one and the same RequestError, so nothing can be probed.
 */
export async function readMediaFile(url: URL, root: MediaRoot, param: string): Promise<Uint8Array> {
  const folder = await realpath(root.folder);
  const path = await insidePath(url, folder);
  if (path === undefined) throw notThere(param);
  // O_NONBLOCK: a pipe must not hold the server up before it is seen to be one
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(
    () => undefined,
  );
  if (file === undefined) throw notThere(param);
  try {
    const opened = await file.stat();
    // a folder swapped for a link after the check would show here
    const again = await realpath(path).catch(() => undefined);
    const named = again === path ? await stat(path).catch(() => undefined) : undefined;
    if (!opened.isFile() || named?.ino !== opened.ino || named.dev !== opened.dev) throw notThere(param);
    if (opened.size > root.maxBytes) throw tooManyBytes(param, root.maxBytes);
    const bytes = new Uint8Array(opened.size);
    const { bytesRead } = await file.read(bytes, 0, bytes.length, 0);
    return bytes.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

async function insidePath(url: URL, folder: string): Promise<string | undefined> {
  let named: string;
  try {
    // refuses %2F and other hosts; decodes the rest once, as the file system will see it
    named = fileURLToPath(url);
  } catch {
    return undefined;
  }
  if (named.includes("\0")) return undefined;
  for (const candidate of [named, resolve(folder, `.${sep}${named}`)]) {
    const real = await realpath(candidate).catch(() => undefined);
    if (real?.startsWith(folder.endsWith(sep) ? folder : folder + sep)) return real;
  }
  return undefined;
}

function notThere(param: string): Error {
  const hint = "Name a file under the folder given with --media-root, as file:///folder/picture.png.";
  return invalid(param, "The file is not a picture under the media root.", hint, "file_not_found");
}

/** The picture's file is larger than the server takes. */
export function tooManyBytes(param: string, maxBytes: number): Error {
  const message = `The picture is larger than ${maxBytes} bytes.`;
  return invalid(param, message, "Scale it down or save it as JPEG.", "image_too_large");
}
