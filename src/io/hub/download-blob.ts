import { AbortedError } from "../../base/errors.ts";
import { ChecksumError, DiskSpaceError, HttpError, HubError, NetworkError, ServerReplyError } from "../errors.ts";
import { openRange } from "../http/open-range.ts";
import { RetryBudget } from "../http/retry.ts";
import type { HttpSettings } from "../http/settings.ts";
import type { BlobStore, PartialBlob } from "./blob-store.ts";
import { gitBlobDigest } from "./git-blob-digest.ts";
import { type DownloadProgress, ProgressMeter } from "./progress.ts";
import { type Digest, newSha256 } from "./sha256.ts";
import { plainSink, type Sink, type StreamTransform, transformSink } from "./sink.ts";

/** Checksum that the hub publishes for a file: sha256 for large ones, git's sha1 name for the rest. */
export interface PublishedDigest {
  readonly algorithm: "sha256" | "git-sha1";
  readonly hex: string;
}

export interface BlobRequest {
  readonly name: string;
  /** Name in the store. */
  readonly key: string;
  /** Addresses of the same bytes, asked in turn; undefined where a mirror turns out not to have them. */
  readonly mirrors: readonly (() => Promise<string | undefined>)[];
  readonly sizeBytes: number;
  readonly digest: PublishedDigest;
  readonly transform?: StreamTransform;
}

export interface DownloadContext {
  readonly http: HttpSettings;
  readonly store: BlobStore;
  /** A faster SHA-256 than the portable one, where the platform has it. */
  readonly newSha256?: () => Digest;
  readonly onProgress?: (progress: DownloadProgress) => void;
  /** Pauses as well as cancels: what has arrived is kept, and the next call goes on from there. */
  readonly signal?: AbortSignal;
}

/**
 * Brings one file into the store unless it is there: resumes, retries, changes mirror, verifies, and only then shows it under its key.
 * Throws ChecksumError, DiskSpaceError, HttpError, LockedError, NetworkError, ServerReplyError, AbortedError.
 */
export async function downloadBlob(context: DownloadContext, ask: BlobRequest): Promise<void> {
  const { store, http, signal } = context;
  const meter = new ProgressMeter(ask.name, http.clock, context.onProgress ?? (() => undefined));
  meter.totalBytes = ask.sizeBytes;
  if ((await store.sizeOf(ask.key)) !== undefined) return meter.at("done", ask.sizeBytes);
  const partial = await store.openPartial(ask.key);
  try {
    // Another process may have finished it between the look and the lock.
    if ((await store.sizeOf(ask.key)) !== undefined) return await partial.discard();
    await checkSpace(store, ask, partial);
    const sink = ask.transform
      ? transformSink(partial, ask.transform)
      : plainSink(partial, () => newDigest(context, ask));
    await sink
      .restore((bytes) => meter.at("check", bytes), signal)
      .catch((cause: unknown) => {
        throw signal?.aborted ? new AbortedError(`Checking ${ask.name}`, { cause }) : cause;
      });
    await fromAnyMirror(context, ask, sink, meter);
    await partial.finish();
    meter.at("done", ask.sizeBytes);
  } catch (error) {
    // Bytes that failed the check must not be the start of the next try.
    if (error instanceof ChecksumError) await partial.discard();
    throw error;
  } finally {
    await partial.release();
  }
}

function newDigest(context: DownloadContext, ask: BlobRequest): Digest {
  if (ask.digest.algorithm === "git-sha1") return gitBlobDigest(ask.sizeBytes);
  return (context.newSha256 ?? newSha256)();
}

async function checkSpace(store: BlobStore, ask: BlobRequest, partial: PartialBlob): Promise<void> {
  const neededBytes = (ask.transform?.expectedBytes ?? ask.sizeBytes) - partial.sizeBytes;
  const freeBytes = await store.freeBytes();
  if (freeBytes !== undefined && neededBytes > freeBytes) throw new DiskSpaceError(store.where, neededBytes, freeBytes);
}

async function fromAnyMirror(
  context: DownloadContext,
  ask: BlobRequest,
  sink: Sink,
  meter: ProgressMeter,
): Promise<void> {
  let firstError: unknown;
  for (const mirror of ask.mirrors) {
    try {
      const url = await mirror();
      if (url !== undefined) return await fromMirror(context, { ...ask, url }, sink, meter);
    } catch (error) {
      const isMirrorsFault =
        error instanceof HttpError ||
        error instanceof NetworkError ||
        error instanceof ServerReplyError ||
        error instanceof ChecksumError;
      if (!isMirrorsFault) throw error;
      firstError ??= error;
    }
  }
  throw firstError ?? new HubError(`${ask.name}: no mirror has this file.`, "Check the name, or try again later.");
}

type UrlRequest = BlobRequest & { readonly url: string };

/** Fetches and verifies. When the sum is wrong and the bytes came in several pieces, tries once more in one piece. */
async function fromMirror(context: DownloadContext, ask: UrlRequest, sink: Sink, meter: ProgressMeter): Promise<void> {
  // A part from an earlier run that is longer than the file cannot belong to it.
  if (sink.receivedBytes > ask.sizeBytes) await sink.restart();
  for (let hasRetried = false; ; hasRetried = true) {
    const wasResumed = sink.receivedBytes > 0;
    const connectionCount = await receiveAll(context, ask, sink, meter);
    const actual = await sink.finish();
    if (actual === ask.digest.hex) return;
    await sink.restart();
    const isOnePiece = !wasResumed && connectionCount <= 1;
    if (isOnePiece || hasRetried) throw new ChecksumError(ask.name, ask.digest.hex, actual);
  }
}

async function receiveAll(
  context: DownloadContext,
  ask: UrlRequest,
  sink: Sink,
  meter: ProgressMeter,
): Promise<number> {
  const { http, signal } = context;
  const budget = new RetryBudget(http);
  let connectionCount = 0;
  let hasRestarted = false;
  while (sink.receivedBytes < ask.sizeBytes) {
    try {
      connectionCount += 1;
      const offsetBytes = sink.receivedBytes;
      const range = { url: ask.url, offsetBytes, lengthBytes: ask.sizeBytes - offsetBytes, signal };
      const reply = await openRange(http, { ...range, expected: { sizeBytes: ask.sizeBytes } });
      for await (const chunk of reply.chunks()) {
        await sink.write(chunk);
        budget.progress();
        meter.at("fetch", sink.receivedBytes);
      }
    } catch (error) {
      if (error instanceof HttpError && error.status === 416 && sink.receivedBytes > 0 && !hasRestarted) {
        // The server does not accept our idea of the file: begin again, once.
        hasRestarted = true;
        await sink.restart();
      } else await budget.afterFailure(error, signal);
    }
  }
  return connectionCount;
}
