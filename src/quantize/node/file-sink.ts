import { type FileHandle, open, rename, rm } from "node:fs/promises";
import type { ByteSink } from "../byte-sink.ts";
import { OutputWriteError } from "../errors.ts";

/** The part of a file handle that a sink uses; tests give one whose disk is full. */
export type WritableHandle = Pick<FileHandle, "write" | "sync" | "close">;

/** How to open the temporary file. */
export type OpenForWriting = (path: string) => Promise<WritableHandle>;

/** What the system's error codes mean to the caller. */
const HINTS: Readonly<Record<string, string>> = {
  ENOSPC: "The disk is full: free some space or write elsewhere.",
  EDQUOT: "The quota is used up: free some space or write elsewhere.",
  EFBIG: "The file system cannot hold a file of this size: write elsewhere.",
  EACCES: "Choose a folder that may be written to.",
  EPERM: "Choose a folder that may be written to.",
  EROFS: "Choose a folder that may be written to.",
  ENOENT: "Create the folder first.",
};

/**
 * A file that appears under `path` only when complete: it is written beside it under a temporary name and renamed.
 * An existing file at `path` is replaced by `commit`, not before. Throws OutputWriteError.
 */
export async function fileSink(
  path: string,
  openForWriting: OpenForWriting = (temporary) => open(temporary, "wx"),
): Promise<ByteSink> {
  const temporary = `${path}.${crypto.randomUUID().slice(0, 8)}.part`;
  const handle = await guarded(path, () => openForWriting(temporary));
  let isOpen = true;
  const close = async (): Promise<void> => {
    if (!isOpen) return;
    isOpen = false;
    await handle.close();
  };
  return {
    name: path,
    write: (bytes) => guarded(path, () => writeAll(handle, bytes)),
    commit: () =>
      guarded(path, async () => {
        await handle.sync();
        await close();
        await rename(temporary, path);
      }),
    abort: async () => {
      // The reason for aborting is what the caller must see; a handle that will not close cannot be helped.
      await close().catch(() => undefined);
      await rm(temporary, { force: true });
    },
  };
}

/** A write may store less than asked for. */
async function writeAll(handle: WritableHandle, bytes: Uint8Array): Promise<void> {
  let at = 0;
  while (at < bytes.length) {
    const { bytesWritten } = await handle.write(bytes, at, bytes.length - at);
    at += bytesWritten;
  }
}

async function guarded<T>(path: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : "unknown";
    const hint = HINTS[code] ?? "Check the disk and the folder.";
    throw new OutputWriteError(path, `the system said ${code}`, hint, { cause });
  }
}
