import type { ByteSource } from "../byte-source.ts";

/** Where downloaded files are kept: the hub cache folder in Node, the origin's private file system in a page. */
export interface BlobStore {
  /** What to call the place in messages. */
  readonly where: string;
  /** Size of a finished blob; undefined when there is none. An unfinished one never shows here. */
  sizeOf(key: string): Promise<number | undefined>;
  /** Throws FileError when there is no finished blob. */
  open(key: string): Promise<ByteSource>;
  remove(key: string): Promise<void>;
  /** Undefined where the platform does not tell. */
  freeBytes(): Promise<number | undefined>;
  /** Opens or creates the unfinished blob and locks it. Throws LockedError while somebody else fetches it. */
  openPartial(key: string): Promise<PartialBlob>;
}

/** A blob that is still arriving, held by one writer. */
export interface PartialBlob {
  readonly sizeBytes: number;
  read(offsetBytes: number, lengthBytes: number): Promise<Uint8Array>;
  /** Throws DiskSpaceError. */
  append(bytes: Uint8Array): Promise<void>;
  truncate(sizeBytes: number): Promise<void>;
  /** Makes the bytes so far durable, then replaces the note that is kept beside them. */
  saveNote(text: string): Promise<void>;
  loadNote(): Promise<string | undefined>;
  /** Makes the bytes durable, shows them under the key in one step, and gives the lock back. */
  finish(): Promise<void>;
  /** Gives the lock back and keeps the bytes for the next try. Does nothing after `finish` or `discard`. */
  release(): Promise<void>;
  /** Removes the bytes and gives the lock back. */
  discard(): Promise<void>;
}
