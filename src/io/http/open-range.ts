import { HttpError, NetworkError, ServerReplyError } from "../errors.ts";
import { type HttpReply, request } from "./request.ts";
import type { HttpSettings } from "./settings.ts";

export interface RangeRequest {
  readonly url: string;
  readonly offsetBytes: number;
  /** Undefined asks for everything from the offset on. */
  readonly lengthBytes?: number;
  /** What is known of the file. A reply that contradicts it is refused. */
  readonly expected?: FileIdentity;
  readonly signal?: AbortSignal;
}

/** What tells one version of a remote file from another. */
export interface FileIdentity {
  readonly sizeBytes?: number;
  readonly etag?: string;
}

export interface RangeReply {
  /** False when the server ignored the range and sends the file from its first byte. */
  readonly isPartial: boolean;
  /** Undefined when the server does not tell. */
  readonly totalBytes: number | undefined;
  readonly etag: string | undefined;
  /** Bytes from the requested offset on, never beyond the requested length. Throws NetworkError when it ends early. */
  chunks(): AsyncGenerator<Uint8Array>;
  discard(): void;
}

/** One range request, tried once, with every header of the reply checked. Throws HttpError, NetworkError, ServerReplyError. */
export async function openRange(http: HttpSettings, ask: RangeRequest): Promise<RangeReply> {
  const last = ask.lengthBytes === undefined ? "" : String(ask.offsetBytes + ask.lengthBytes - 1);
  const headers: Record<string, string> = {
    range: `bytes=${ask.offsetBytes}-${last}`,
    // Offsets count the file's bytes, not those of a compressed transfer.
    "accept-encoding": "identity",
  };
  const reply = await request(http, ask.url, { headers, signal: ask.signal });
  try {
    const span = reply.status === 206 ? partialSpan(ask, reply) : wholeSpan(ask, reply);
    checkIdentity(ask, span.totalBytes, reply);
    return {
      isPartial: reply.status === 206,
      totalBytes: span.totalBytes,
      etag: reply.headers.get("etag") ?? undefined,
      chunks: () => exactChunks(ask, reply, span),
      discard: reply.discard,
    };
  } catch (error) {
    reply.discard();
    throw error;
  }
}

interface Span {
  /** Bytes that come before the requested offset. */
  readonly skipBytes: number;
  /** Bytes that must come from the requested offset on; undefined when the end is known only by the connection's. */
  readonly lengthBytes: number | undefined;
  readonly totalBytes: number | undefined;
}

function partialSpan(ask: RangeRequest, reply: HttpReply): Span {
  const encoding = reply.headers.get("content-encoding") ?? "identity";
  // A part of a compressed file is not a compressed part of the file: what fetch would unpack is garbage.
  if (encoding !== "identity") throw new ServerReplyError(ask.url, `a part of the file came packed as ${encoding}`);
  const text = reply.headers.get("content-range") ?? "";
  const match = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(text.trim());
  if (!match)
    throw new ServerReplyError(ask.url, `206 without a Content-Range that can be read (${JSON.stringify(text)})`);
  const [first, last] = [Number(match[1]), Number(match[2])];
  const totalBytes = match[3] === "*" ? undefined : Number(match[3]);
  const wanted = ask.lengthBytes ?? Infinity;
  const lengthBytes = last - first + 1;
  if (first !== ask.offsetBytes || lengthBytes < 1 || lengthBytes > wanted || last >= (totalBytes ?? Infinity)) {
    throw new ServerReplyError(ask.url, `bytes from ${ask.offsetBytes} on were asked for, and "${text}" came back`);
  }
  return { skipBytes: 0, lengthBytes, totalBytes };
}

function wholeSpan(ask: RangeRequest, reply: HttpReply): Span {
  if (reply.status !== 200) throw new HttpError(ask.url, reply.status);
  const totalBytes = contentLength(reply.headers);
  // Without a size, a connection that breaks looks like a file that ends.
  const end = Math.min(
    totalBytes ?? ask.expected?.sizeBytes ?? Infinity,
    ask.offsetBytes + (ask.lengthBytes ?? Infinity),
  );
  if (end < ask.offsetBytes) throw new HttpError(ask.url, 416);
  const lengthBytes = Number.isFinite(end) ? end - ask.offsetBytes : undefined;
  return { skipBytes: ask.offsetBytes, lengthBytes, totalBytes };
}

/** The file's size by Content-Length, unless the transfer is compressed and the header counts something else. */
export function contentLength(headers: Headers): number | undefined {
  const encoding = headers.get("content-encoding");
  const text = headers.get("content-length");
  if (text === null || !/^\d+$/.test(text) || (encoding !== null && encoding !== "identity")) return undefined;
  return Number(text);
}

function checkIdentity(ask: RangeRequest, totalBytes: number | undefined, reply: HttpReply): void {
  const { expected } = ask;
  if (expected?.sizeBytes !== undefined && totalBytes !== undefined && totalBytes !== expected.sizeBytes) {
    throw new ServerReplyError(
      ask.url,
      `the file has ${totalBytes} bytes here, and ${expected.sizeBytes} were announced`,
    );
  }
  const etag = reply.headers.get("etag");
  if (expected?.etag !== undefined && etag !== null && etag !== expected.etag) {
    throw new ServerReplyError(ask.url, `the file changed while it was read (etag ${etag}, before ${expected.etag})`);
  }
}

async function* exactChunks(ask: RangeRequest, reply: HttpReply, span: Span): AsyncGenerator<Uint8Array> {
  let skip = span.skipBytes;
  let left = span.lengthBytes ?? Infinity;
  for await (const chunk of reply.chunks()) {
    const fresh = skip >= chunk.byteLength ? new Uint8Array(0) : chunk.subarray(skip);
    skip -= Math.min(skip, chunk.byteLength);
    if (fresh.byteLength > left && reply.status === 206) {
      throw new ServerReplyError(ask.url, "more bytes came than Content-Range announced");
    }
    const useful = fresh.subarray(0, Math.min(fresh.byteLength, left));
    left -= useful.byteLength;
    if (useful.byteLength > 0) yield useful;
    if (left === 0 && reply.status !== 206) return;
  }
  if (skip > 0 || (left > 0 && left !== Infinity)) {
    throw new NetworkError(ask.url, `the connection ended ${left} bytes early`);
  }
}
