import { constants } from "node:fs";
import { type FileHandle, mkdir, open, readFile, rename, stat, statfs, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ArgumentError } from "../../base/errors.ts";
import { DiskSpaceError, FileError } from "../errors.ts";
import type { BlobStore, PartialBlob } from "../hub/blob-store.ts";
import { openFileSource } from "./file-source.ts";
import { errorCode, ignoreMissing, syncFolder } from "./fs-helpers.ts";
import { type FileLock, lockFile } from "./lock-file.ts";

// Not plain ".incomplete": huggingface_hub appends to that name under a lock we cannot take, and does not verify what it appended to.
const PARTIAL_SUFFIX = ".minicpmv.incomplete";
const TOUCH_EVERY_BYTES = 2 ** 26;

/** Keeps blobs as files of one folder. Throws FileError where the folder cannot be written. */
export function folderStore(folder: string): BlobStore {
  const pathOf = (key: string): string => {
    if (!/^[\w][\w.-]*$/.test(key)) throw new ArgumentError(`"${key}" cannot name a blob.`, "Use a checksum.");
    return join(folder, key);
  };
  return {
    where: folder,
    sizeOf: async (key) => {
      try {
        return (await stat(pathOf(key))).size;
      } catch (error) {
        ignoreMissing(error);
        return undefined;
      }
    },
    open: (key) => openFileSource(pathOf(key)),
    remove: async (key) => {
      for (const suffix of ["", PARTIAL_SUFFIX, `${PARTIAL_SUFFIX}.json`]) {
        await unlink(pathOf(key) + suffix).catch(ignoreMissing);
      }
    },
    freeBytes: async () => {
      await makeFolder(folder);
      const { bavail, bsize } = await statfs(folder);
      return bavail * bsize;
    },
    openPartial: async (key) => {
      await makeFolder(folder);
      return openPartialFile(folder, pathOf(key));
    },
  };
}

async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true });
  } catch (cause) {
    const hint = "Check its permissions, or choose another place with HF_HUB_CACHE.";
    throw new FileError(`${folder} cannot be made (${errorCode(cause)}).`, hint, { cause });
  }
}

async function openPartialFile(folder: string, finalPath: string): Promise<PartialBlob> {
  const lock = await lockFile(`${finalPath}.minicpmv.lock`);
  try {
    const path = finalPath + PARTIAL_SUFFIX;
    // No append flag: bytes go to stated positions, so that two writers could only ever write the same.
    const handle = await open(path, constants.O_RDWR | constants.O_CREAT, 0o666);
    return new PartialFile({ folder, finalPath, path, handle, lock, sizeBytes: (await handle.stat()).size });
  } catch (cause) {
    await lock.release();
    throw new FileError(`${finalPath} cannot be written (${errorCode(cause)}).`, "Check the folder's permissions.", {
      cause,
    });
  }
}

interface PartialFileParts {
  readonly folder: string;
  readonly finalPath: string;
  readonly path: string;
  readonly handle: FileHandle;
  readonly lock: FileLock;
  readonly sizeBytes: number;
}

class PartialFile implements PartialBlob {
  readonly #parts: PartialFileParts;
  readonly #notePath: string;
  #sizeBytes: number;
  #touchedAtBytes: number;
  #isOpen = true;

  constructor(parts: PartialFileParts) {
    this.#parts = parts;
    this.#notePath = `${parts.path}.json`;
    this.#sizeBytes = parts.sizeBytes;
    this.#touchedAtBytes = parts.sizeBytes;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  async read(offsetBytes: number, lengthBytes: number): Promise<Uint8Array> {
    const { bytesRead, buffer } = await this.#parts.handle.read(
      new Uint8Array(lengthBytes),
      0,
      lengthBytes,
      offsetBytes,
    );
    if (bytesRead === 0) throw new FileError(`${this.#parts.path} became shorter.`, "Start the download again.");
    return buffer.subarray(0, bytesRead);
  }

  async append(bytes: Uint8Array): Promise<void> {
    const { handle, folder, lock } = this.#parts;
    try {
      for (let done = 0; done < bytes.byteLength; ) {
        const { bytesWritten } = await handle.write(bytes, done, bytes.byteLength - done, this.#sizeBytes);
        done += bytesWritten;
        this.#sizeBytes += bytesWritten;
      }
    } catch (cause) {
      if (!["ENOSPC", "EDQUOT"].includes(errorCode(cause) ?? "")) throw cause;
      throw new DiskSpaceError(folder, bytes.byteLength, 0);
    }
    if (this.#sizeBytes - this.#touchedAtBytes >= TOUCH_EVERY_BYTES) {
      this.#touchedAtBytes = this.#sizeBytes;
      await lock.touch();
    }
  }

  async truncate(sizeBytes: number): Promise<void> {
    await this.#parts.handle.truncate(sizeBytes);
    this.#sizeBytes = sizeBytes;
    this.#touchedAtBytes = sizeBytes;
  }

  async saveNote(text: string): Promise<void> {
    await this.#parts.handle.datasync();
    await writeFile(`${this.#notePath}.new`, text, { flush: true });
    await rename(`${this.#notePath}.new`, this.#notePath);
  }

  async loadNote(): Promise<string | undefined> {
    return readFile(this.#notePath, "utf8").catch((error: unknown) => {
      ignoreMissing(error);
      return undefined;
    });
  }

  async finish(): Promise<void> {
    const { handle, path, finalPath, folder, lock } = this.#parts;
    try {
      await handle.sync();
      await this.#close();
      await rename(path, finalPath);
      await syncFolder(folder);
      await unlink(this.#notePath).catch(ignoreMissing);
    } finally {
      if (!this.#isOpen) await lock.release();
    }
  }

  async release(): Promise<void> {
    if (!this.#isOpen) return;
    await this.#close();
    await this.#parts.lock.release();
  }

  async discard(): Promise<void> {
    if (!this.#isOpen) return;
    await this.#close();
    await unlink(this.#parts.path).catch(ignoreMissing);
    await unlink(this.#notePath).catch(ignoreMissing);
    await this.#parts.lock.release();
  }

  async #close(): Promise<void> {
    this.#isOpen = false;
    await this.#parts.handle.close();
  }
}
