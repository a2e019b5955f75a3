/** The parts of the origin private file system that are used; TypeScript's page library lacks the worker-only ones, and tests supply their own. */
export interface OpfsFolder {
  getFileHandle(name: string, options?: { create?: boolean }): Promise<OpfsFile>;
  getDirectoryHandle(name: string, options?: { create?: boolean }): Promise<OpfsFolder>;
  removeEntry(name: string): Promise<void>;
  keys(): AsyncIterable<string>;
}

export interface OpfsFile {
  getFile(): Promise<Blob>;
  /** In dedicated workers only. Rejects with NoModificationAllowedError while another one is open. */
  createSyncAccessHandle?(): Promise<SyncAccess>;
}

export interface SyncAccess {
  read(buffer: Uint8Array, options: { at: number }): number;
  write(buffer: Uint8Array, options: { at: number }): number;
  truncate(sizeBytes: number): void;
  getSize(): number;
  flush(): void;
  close(): void;
}

/** A folder of this origin's private file system, made if absent. */
export async function opfsFolder(...path: string[]): Promise<OpfsFolder> {
  // The page library declares the same object without its worker-only methods.
  let folder = (await navigator.storage.getDirectory()) as unknown as OpfsFolder;
  for (const name of path) folder = await folder.getDirectoryHandle(name, { create: true });
  return folder;
}

/** The file, or undefined when there is none. */
export async function findFile(folder: OpfsFolder, name: string): Promise<OpfsFile | undefined> {
  try {
    return await folder.getFileHandle(name);
  } catch (error) {
    if (isNamed(error, "NotFoundError")) return undefined;
    throw error;
  }
}

export async function removeFile(folder: OpfsFolder, name: string): Promise<void> {
  try {
    await folder.removeEntry(name);
  } catch (error) {
    if (!isNamed(error, "NotFoundError")) throw error;
  }
}

/** Browsers tell their errors apart by name; some are DOMException, some are not. */
export function isNamed(error: unknown, name: string): boolean {
  return error instanceof Error && error.name === name;
}
