import { NetworkError, ServerReplyError } from "../errors.ts";
import { contentLength } from "./open-range.ts";
import { request } from "./request.ts";
import { withRetries } from "./retry.ts";
import type { HttpSettings } from "./settings.ts";

/** Reads a whole small reply, such as a JSON document. Throws ServerReplyError beyond `maxBytes`. */
export async function fetchSmall(
  http: HttpSettings,
  url: string,
  options: { readonly maxBytes: number; readonly signal?: AbortSignal },
): Promise<{ readonly bytes: Uint8Array<ArrayBuffer>; readonly headers: Headers }> {
  return withRetries(http, options.signal, async () => {
    const reply = await request(http, url, {
      headers: { accept: "application/json", "accept-encoding": "identity" },
      signal: options.signal,
    });
    const parts: Uint8Array<ArrayBuffer>[] = [];
    let total = 0;
    for await (const chunk of reply.chunks()) {
      total += chunk.byteLength;
      if (total > options.maxBytes)
        throw new ServerReplyError(url, `the reply is longer than ${options.maxBytes} bytes`);
      parts.push(new Uint8Array(chunk));
    }
    const announced = contentLength(reply.headers);
    if (announced !== undefined && announced !== total)
      throw new NetworkError(url, `the connection ended after ${total} of ${announced} bytes`);
    return { bytes: new Uint8Array(await new Blob(parts).arrayBuffer()), headers: reply.headers };
  });
}
