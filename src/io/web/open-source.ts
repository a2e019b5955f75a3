import type { ByteSource } from "../byte-source.ts";
import { openHttpSource } from "../http/http-source.ts";
import type { HttpSettings } from "../http/settings.ts";
import { memorySource } from "../memory-source.ts";
import { blobSource } from "./blob-source.ts";

/** Opens whatever a page has: an address (relative to the page too), a Blob or picked File, or bytes. */
export async function openSource(
  where: string | URL | Blob | Uint8Array,
  http: Partial<HttpSettings> = {},
  signal?: AbortSignal,
): Promise<ByteSource> {
  if (where instanceof Uint8Array) return memorySource(where);
  if (where instanceof Blob) return blobSource(where);
  return openHttpSource(new URL(where, globalThis.location?.href).href, http, signal);
}
