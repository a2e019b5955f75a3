import { ArgumentError } from "../../base/errors.ts";
import type { Digest } from "./sha256.ts";

// Git proper, as opposed to its large-file storage, holds configuration and vocabulary files of a few MB.
const MAX_BYTES = 256 * 2 ** 20;

/** Git's name of a file: sha1 of "blob <size>\0" and the bytes. The hub publishes it for files that are not in large-file storage. */
export function gitBlobDigest(sizeBytes: number): Digest {
  if (sizeBytes > MAX_BYTES) {
    throw new ArgumentError(`A git file of ${sizeBytes} bytes is not believable.`, "Try another mirror.");
  }
  const parts: Uint8Array<ArrayBuffer>[] = [new TextEncoder().encode(`blob ${sizeBytes}\0`)];
  return {
    update: (bytes) => {
      parts.push(new Uint8Array(bytes));
    },
    hex: async () => {
      const sum = await crypto.subtle.digest("SHA-1", await new Blob(parts).arrayBuffer());
      return Array.from(new Uint8Array(sum), (byte) => byte.toString(16).padStart(2, "0")).join("");
    },
  };
}
