import { AbortedError } from "../../base/errors.ts";
import type { ByteSource } from "../byte-source.ts";
import { FileError } from "../errors.ts";
import { checkOpen, checkRange } from "../read-range.ts";

/** A source over a Blob or a File the reader picked. Nothing is read before it is asked for. */
export function blobSource(blob: Blob, name = "name" in blob ? String(blob.name) : "blob"): ByteSource {
  let isClosed = false;
  return {
    name,
    sizeBytes: blob.size,
    read: async (offsetBytes, lengthBytes, signal) => {
      checkOpen(name, isClosed);
      if (signal?.aborted) throw new AbortedError(`Reading ${name}`, { cause: signal.reason });
      checkRange(name, blob.size, offsetBytes, lengthBytes);
      try {
        return new Uint8Array(await blob.slice(offsetBytes, offsetBytes + lengthBytes).arrayBuffer());
      } catch (cause) {
        // Browsers refuse a picked file that changed on disk since.
        throw new FileError(`${name} can no longer be read.`, "Choose the file again.", { cause });
      }
    },
    close: async () => {
      isClosed = true;
    },
  };
}
