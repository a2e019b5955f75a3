import { UnsupportedError } from "../../base/errors.ts";
import { DiskSpaceError, FileError, LockedError } from "../errors.ts";
import type { BlobStore, PartialBlob } from "../hub/blob-store.ts";
import { blobSource } from "./blob-source.ts";
import { findFile, isNamed, type OpfsFile, type OpfsFolder, removeFile, type SyncAccess } from "./opfs-types.ts";

const WHERE = "this browser's storage";

export interface OpfsStoreOptions {
  /** Free bytes by the browser's estimate; the page's own quota unless given. */
  readonly freeBytes?: () => Promise<number | undefined>;
}

/**
 * Keeps blobs in the origin private file system. Fetching works in dedicated workers, where files can be written in place; reading works everywhere.
 * A blob counts as finished once a second file says its size: the data is flushed before that, so a crash in between costs a check, never a wrong model.
 */
export function opfsStore(folder: OpfsFolder, options: OpfsStoreOptions = {}): BlobStore {
  const sizeOf = (key: string): Promise<number | undefined> => finishedSize(folder, key);
  return {
    where: WHERE,
    sizeOf,
    open: async (key) => {
      const file = await findFile(folder, key);
      if (!file || (await sizeOf(key)) === undefined) {
        throw new FileError(`${key} is not in ${WHERE}.`, "Fetch the model again; browsers may clear storage.");
      }
      return blobSource(await file.getFile(), key);
    },
    remove: async (key) => {
      for (const suffix of [DONE, NOTE, ""]) await removeFile(folder, key + suffix);
    },
    freeBytes: options.freeBytes ?? quotaLeft,
    openPartial: async (key) => {
      const file = await folder.getFileHandle(key, { create: true });
      return new OpfsPartial(folder, key, await lockedAccess(file, key));
    },
  };
}

// Ends of the names of the two small files beside a blob.
const DONE = ".done";
const NOTE = ".note";

async function finishedSize(folder: OpfsFolder, key: string): Promise<number | undefined> {
  const sizeBytes = Number(await readText(folder, key + DONE));
  const file = await findFile(folder, key);
  // A mark that was cut short, or whose blob was cleared, counts as none.
  return file && sizeBytes > 0 && (await file.getFile()).size === sizeBytes ? sizeBytes : undefined;
}

/** The open handle is the lock: the browser gives out one, and takes it back when a tab dies. */
async function lockedAccess(file: OpfsFile, name: string): Promise<SyncAccess> {
  if (!file.createSyncAccessHandle) {
    throw new UnsupportedError(
      "Files of this origin can be written in place only by a dedicated worker.",
      "Run the download in a Worker.",
    );
  }
  try {
    return await file.createSyncAccessHandle();
  } catch (error) {
    if (!isNamed(error, "NoModificationAllowedError")) throw error;
    throw new LockedError(name, "another tab or worker");
  }
}

class OpfsPartial implements PartialBlob {
  readonly #folder: OpfsFolder;
  readonly #key: string;
  readonly #access: SyncAccess;
  #sizeBytes: number;
  #isOpen = true;

  constructor(folder: OpfsFolder, key: string, access: SyncAccess) {
    this.#folder = folder;
    this.#key = key;
    this.#access = access;
    this.#sizeBytes = access.getSize();
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  async read(offsetBytes: number, lengthBytes: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(lengthBytes);
    const readBytes = this.#access.read(bytes, { at: offsetBytes });
    if (readBytes === 0) throw new FileError(`${this.#key} became shorter.`, "Start the download again.");
    return bytes.subarray(0, readBytes);
  }

  async append(bytes: Uint8Array): Promise<void> {
    writeAll(this.#access, bytes, this.#sizeBytes);
    this.#sizeBytes += bytes.byteLength;
  }

  async truncate(sizeBytes: number): Promise<void> {
    this.#access.truncate(sizeBytes);
    this.#sizeBytes = sizeBytes;
  }

  async saveNote(text: string): Promise<void> {
    this.#access.flush();
    await writeText(this.#folder, this.#key + NOTE, text);
  }

  loadNote(): Promise<string | undefined> {
    return readText(this.#folder, this.#key + NOTE);
  }

  async finish(): Promise<void> {
    this.#access.flush();
    await writeText(this.#folder, this.#key + DONE, String(this.#sizeBytes));
    await removeFile(this.#folder, this.#key + NOTE);
    await this.release();
  }

  async release(): Promise<void> {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#access.close();
  }

  async discard(): Promise<void> {
    if (!this.#isOpen) return;
    await this.release();
    // A finished blob is not ours to discard: another tab ended it while we waited for the lock.
    if ((await finishedSize(this.#folder, this.#key)) !== undefined) return;
    for (const suffix of [DONE, NOTE, ""]) await removeFile(this.#folder, this.#key + suffix);
  }
}

function writeAll(access: SyncAccess, bytes: Uint8Array, at: number): void {
  let done = 0;
  while (done < bytes.byteLength) {
    let written = 0;
    try {
      written = access.write(bytes.subarray(done), { at: at + done });
    } catch (error) {
      if (!isNamed(error, "QuotaExceededError")) throw error;
    }
    // Some browsers throw at the quota, others write less, at last nothing.
    if (written === 0) throw new DiskSpaceError(WHERE, bytes.byteLength - done, 0);
    done += written;
  }
}

/** Text of a small file; undefined when it is absent or empty. */
export async function readText(folder: OpfsFolder, name: string): Promise<string | undefined> {
  const file = await findFile(folder, name);
  const text = file ? await (await file.getFile()).text() : "";
  return text === "" ? undefined : text;
}

/** Replaces a small file. A crash may leave it empty or cut short: readers check what they read. */
export async function writeText(folder: OpfsFolder, name: string, text: string): Promise<void> {
  const access = await lockedAccess(await folder.getFileHandle(name, { create: true }), name);
  try {
    const bytes = new TextEncoder().encode(text);
    access.truncate(0);
    writeAll(access, bytes, 0);
    access.flush();
  } finally {
    access.close();
  }
}

async function quotaLeft(): Promise<number | undefined> {
  const { quota, usage } = await navigator.storage.estimate();
  return quota === undefined ? undefined : quota - (usage ?? 0);
}

/** Asks the browser not to clear this origin's files when disk runs low. False means it may. */
export async function requestPersistence(): Promise<boolean> {
  return (await navigator.storage.persisted()) || (await navigator.storage.persist());
}
