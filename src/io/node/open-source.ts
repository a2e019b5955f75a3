import { fileURLToPath } from "node:url";
import type { ByteSource } from "../byte-source.ts";
import { openHttpSource } from "../http/http-source.ts";
import type { HttpSettings } from "../http/settings.ts";
import { memorySource } from "../memory-source.ts";
import { blobSource } from "../web/blob-source.ts";
import { openFileSource } from "./file-source.ts";

/** Opens a path, a file: or http(s): address, a Blob, or bytes. Throws FileError, HttpError, NetworkError. */
export async function openSource(
  where: string | URL | Blob | Uint8Array,
  http: Partial<HttpSettings> = {},
  signal?: AbortSignal,
): Promise<ByteSource> {
  if (where instanceof Uint8Array) return memorySource(where);
  if (where instanceof Blob) return blobSource(where);
  const text = String(where);
  if (/^https?:\/\//i.test(text)) return openHttpSource(text, http, signal);
  return openFileSource(/^file:/i.test(text) ? fileURLToPath(text) : text);
}
