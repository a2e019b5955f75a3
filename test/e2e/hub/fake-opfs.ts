import type { OpfsFile, OpfsFolder, SyncAccess } from "../../../src/io/web/opfs-types.ts";

class NamedError extends Error {
  constructor(name: string) {
    super(name);
    this.name = name;
  }
}

/** The origin private file system in memory: exclusive handles and a quota, as browsers have them. */
export class FakeFolder implements OpfsFolder {
  readonly files = new Map<string, FakeFile>();
  readonly folders = new Map<string, FakeFolder>();
  quotaBytes = Infinity;

  async getFileHandle(name: string, options?: { create?: boolean }): Promise<FakeFile> {
    const known = this.files.get(name);
    if (known) return known;
    if (!options?.create) throw new NamedError("NotFoundError");
    const file = new FakeFile(this);
    this.files.set(name, file);
    return file;
  }

  async getDirectoryHandle(name: string): Promise<FakeFolder> {
    const folder = this.folders.get(name) ?? new FakeFolder();
    this.folders.set(name, folder);
    return folder;
  }

  async removeEntry(name: string): Promise<void> {
    if (!this.files.delete(name)) throw new NamedError("NotFoundError");
  }

  async *keys(): AsyncGenerator<string> {
    yield* [...this.files.keys()];
  }
}

class FakeFile implements OpfsFile {
  readonly #folder: FakeFolder;
  bytes = new Uint8Array(0);
  isOpen = false;

  constructor(folder: FakeFolder) {
    this.#folder = folder;
  }

  async getFile(): Promise<Blob> {
    return new Blob([this.bytes]);
  }

  async createSyncAccessHandle(): Promise<SyncAccess> {
    if (this.isOpen) throw new NamedError("NoModificationAllowedError");
    this.isOpen = true;
    return {
      read: (buffer, { at }) => {
        const part = this.bytes.subarray(at, at + buffer.length);
        buffer.set(part);
        return part.length;
      },
      write: (buffer, { at }) => {
        const end = at + buffer.length;
        if (end > this.#folder.quotaBytes) throw new NamedError("QuotaExceededError");
        if (end > this.bytes.length) this.truncate(end);
        this.bytes.set(buffer, at);
        return buffer.length;
      },
      truncate: (sizeBytes) => this.truncate(sizeBytes),
      getSize: () => this.bytes.length,
      flush: () => undefined,
      close: () => {
        this.isOpen = false;
      },
    };
  }

  truncate(sizeBytes: number): void {
    const bytes = new Uint8Array(sizeBytes);
    bytes.set(this.bytes.subarray(0, sizeBytes));
    this.bytes = bytes;
  }
}
