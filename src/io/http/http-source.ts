import type { ByteSource } from "../byte-source.ts";
import { HttpError, ServerReplyError, withoutSecrets } from "../errors.ts";
import { checkOpen, checkRange } from "../read-range.ts";
import { contentLength, type FileIdentity, openRange } from "./open-range.ts";
import { request } from "./request.ts";
import { RetryBudget, withRetries } from "./retry.ts";
import { type HttpSettings, httpSettings } from "./settings.ts";

/** A server without ranges sends the file from its start every time; beyond this, reading it in parts makes no sense. */
const MAX_SKIP_BYTES = 64 * 2 ** 20;

interface RemoteFile {
  readonly http: HttpSettings;
  readonly url: string;
  readonly expected: FileIdentity & { readonly sizeBytes: number };
}

/** Opens a file on a web server for range reads; one small request finds its size. Throws HttpError, NetworkError, ServerReplyError. */
export async function openHttpSource(
  url: string,
  given: Partial<HttpSettings> = {},
  signal?: AbortSignal,
): Promise<ByteSource> {
  const http = httpSettings(given);
  const file: RemoteFile = { http, url, expected: await withRetries(http, signal, () => identify(http, url, signal)) };
  const name = withoutSecrets(url);
  const closing = new AbortController();
  return {
    name,
    sizeBytes: file.expected.sizeBytes,
    read: async (offsetBytes, lengthBytes, readSignal) => {
      checkOpen(name, closing.signal.aborted);
      checkRange(name, file.expected.sizeBytes, offsetBytes, lengthBytes);
      const stop = readSignal ? AbortSignal.any([readSignal, closing.signal]) : closing.signal;
      return readRemote(file, offsetBytes, lengthBytes, stop);
    },
    close: async () => closing.abort(),
  };
}

async function identify(
  http: HttpSettings,
  url: string,
  signal: AbortSignal | undefined,
): Promise<RemoteFile["expected"]> {
  const reply = await openRange(http, { url, offsetBytes: 0, lengthBytes: 1, signal }).catch(emptyFile);
  reply?.discard();
  const sizeBytes = reply?.totalBytes ?? (await sizeByHead(http, url, signal));
  if (sizeBytes === undefined) {
    throw new ServerReplyError(url, "the server tells the file's size neither by range nor by HEAD");
  }
  return { sizeBytes, etag: reply?.etag };
}

/** No range lies inside an empty file, so its first byte is answered with 416; HEAD then tells the size. */
function emptyFile(error: unknown): undefined {
  if (!(error instanceof HttpError && error.status === 416)) throw error;
}

async function sizeByHead(
  http: HttpSettings,
  url: string,
  signal: AbortSignal | undefined,
): Promise<number | undefined> {
  const reply = await request(http, url, { method: "HEAD", headers: { "accept-encoding": "identity" }, signal });
  reply.discard();
  return contentLength(reply.headers);
}

async function readRemote(
  file: RemoteFile,
  offsetBytes: number,
  lengthBytes: number,
  signal: AbortSignal,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(lengthBytes);
  const budget = new RetryBudget(file.http);
  let done = 0;
  while (done < lengthBytes) {
    try {
      for await (const chunk of await openPart(file, offsetBytes + done, lengthBytes - done, signal)) {
        bytes.set(chunk, done);
        done += chunk.byteLength;
        budget.progress();
      }
    } catch (error) {
      await budget.afterFailure(error, signal);
    }
  }
  return bytes;
}

async function openPart(
  file: RemoteFile,
  offsetBytes: number,
  lengthBytes: number,
  signal: AbortSignal,
): Promise<AsyncGenerator<Uint8Array>> {
  const reply = await openRange(file.http, { ...file, offsetBytes, lengthBytes, signal });
  if (!reply.isPartial && offsetBytes > MAX_SKIP_BYTES) {
    reply.discard();
    throw new ServerReplyError(
      file.url,
      "this server sends whole files only",
      "Download the file first, then open it from disk.",
    );
  }
  return reply.chunks();
}
