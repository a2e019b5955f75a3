import { HttpError, HubError, NetworkError, ServerReplyError } from "../errors.ts";
import type { PublishedDigest } from "./download-blob.ts";
import type { RepoRef } from "./repo-ref.ts";

export interface RepoFile {
  /** Inside the repository, with forward slashes. */
  readonly path: string;
  readonly sizeBytes: number;
  readonly digest: PublishedDigest;
  readonly url: string;
}

export interface Licence {
  /** SPDX-like id of the model card, such as "apache-2.0", or "other". */
  readonly id: string;
  readonly name?: string;
  readonly link?: string;
}

/** One revision of a repository as a hub describes it. */
export interface RepoListing {
  readonly hub: string;
  readonly ref: RepoRef;
  /** Names the snapshot: the commit, or 40 hex digits made of the content where a hub does not tell it. */
  readonly commit: string;
  readonly licence: Licence | undefined;
  readonly files: readonly RepoFile[];
}

/** A site that publishes model repositories. */
export interface Hub {
  readonly name: string;
  list(ref: RepoRef, signal?: AbortSignal): Promise<RepoListing>;
}

/** Asks the hubs in order until one knows the repository. Throws the first hub's error when none does. */
export async function listRepo(hubs: readonly Hub[], ref: RepoRef, signal?: AbortSignal): Promise<RepoListing> {
  let firstError: unknown;
  for (const hub of hubs) {
    try {
      return await hub.list(ref, signal);
    } catch (error) {
      if (!isHubsFault(error)) throw error;
      firstError ??= error;
    }
  }
  throw firstError ?? new HubError("No hub is configured.", "Set HF_ENDPOINT or leave it unset.");
}

/** The file's own address, then the same file on the other hubs, which are asked only when it comes to that. */
export function mirrorsOf(
  file: RepoFile,
  listing: RepoListing,
  hubs: readonly Hub[],
  signal?: AbortSignal,
): (() => Promise<string | undefined>)[] {
  const others = hubs.filter((hub) => hub.name !== listing.hub);
  return [
    async () => file.url,
    ...others.map((hub) => async () => {
      const other = await hub.list(listing.ref, signal);
      // The name may differ; for large files the sum says what is the same, for the rest the path and size, and the sum at the end.
      const twin = other.files.find(
        ({ digest, path, sizeBytes }) =>
          digest.hex === file.digest.hex || (path === file.path && sizeBytes === file.sizeBytes),
      );
      return twin?.url;
    }),
  ];
}

function isHubsFault(error: unknown): boolean {
  return (
    error instanceof HttpError ||
    error instanceof NetworkError ||
    error instanceof ServerReplyError ||
    error instanceof HubError
  );
}
