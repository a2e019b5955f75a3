import { type FileHandle, open } from "node:fs/promises";
import { AbortedError } from "../../base/errors.ts";
import type { ByteSource } from "../byte-source.ts";
import { FileError, RangeReadError } from "../errors.ts";
import { checkOpen, checkRange } from "../read-range.ts";

// libuv hands a read length to the system as int32, and a short read per GiB costs nothing.
const MAX_READ_BYTES = 2 ** 30;

/** Opens a file of this machine for range reads at any offset. Throws FileError. */
export async function openFileSource(path: string): Promise<ByteSource> {
  const handle = await openForReading(path);
  const { sizeBytes, isFile } = await handle.stat().then((stat) => ({ sizeBytes: stat.size, isFile: stat.isFile() }));
  if (!isFile) {
    await handle.close();
    throw new FileError(`${path} is not a file.`, "Give the path of a single file, not of a folder.");
  }
  let isClosed = false;
  return {
    name: path,
    sizeBytes,
    read: async (offsetBytes, lengthBytes, signal, into) => {
      checkOpen(path, isClosed);
      checkRange(path, sizeBytes, offsetBytes, lengthBytes);
      const bytes = into ?? new Uint8Array(lengthBytes);
      await readFully({ handle, path, sizeBytes }, offsetBytes, bytes, signal);
      return bytes;
    },
    close: async () => {
      if (isClosed) return;
      isClosed = true;
      await handle.close();
    },
  };
}

interface OpenFile {
  readonly handle: FileHandle;
  readonly path: string;
  readonly sizeBytes: number;
}

async function readFully(
  file: OpenFile,
  offsetBytes: number,
  bytes: Uint8Array<ArrayBuffer>,
  signal: AbortSignal | undefined,
): Promise<void> {
  const lengthBytes = bytes.length;
  let done = 0;
  while (done < lengthBytes) {
    if (signal?.aborted) throw new AbortedError(`Reading ${file.path}`, { cause: signal.reason });
    const wanted = Math.min(lengthBytes - done, MAX_READ_BYTES);
    const { bytesRead } = await file.handle.read(bytes, done, wanted, offsetBytes + done);
    // The size was checked, so an early end means that the file was cut while open.
    if (bytesRead === 0) throw new RangeReadError(file.path, offsetBytes, lengthBytes, offsetBytes + done);
    done += bytesRead;
  }
}

async function openForReading(path: string): Promise<FileHandle> {
  try {
    return await open(path, "r");
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : "unknown error";
    const hint = code === "ENOENT" ? "Check the path." : "Check the path and its permissions.";
    throw new FileError(`${path} cannot be opened (${code}).`, hint, { cause });
  }
}
