import { AbortedError } from "../base/errors.ts";
import type { ByteSource } from "./byte-source.ts";
import { checkOpen, checkRange } from "./read-range.ts";

/** A source over bytes that are in memory already. Reads give copies, so a caller may keep or transfer them. */
export function memorySource(bytes: Uint8Array, name = "bytes in memory"): ByteSource {
  let isClosed = false;
  return {
    name,
    sizeBytes: bytes.byteLength,
    read: async (offsetBytes, lengthBytes, signal) => {
      checkOpen(name, isClosed);
      if (signal?.aborted) throw new AbortedError(`Reading ${name}`, { cause: signal.reason });
      checkRange(name, bytes.byteLength, offsetBytes, lengthBytes);
      return new Uint8Array(bytes.subarray(offsetBytes, offsetBytes + lengthBytes));
    },
    close: async () => {
      isClosed = true;
    },
  };
}
