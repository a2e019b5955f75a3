import { ArgumentError, DisposedError } from "../base/errors.ts";
import { RangeReadError } from "./errors.ts";

/** Checks a requested range against the file before any byte is allocated. Throws RangeReadError, ArgumentError. */
export function checkRange(name: string, sizeBytes: number, offsetBytes: number, lengthBytes: number): void {
  if (!Number.isSafeInteger(offsetBytes) || !Number.isSafeInteger(lengthBytes) || offsetBytes < 0 || lengthBytes < 0) {
    throw new ArgumentError(
      `${name}: offset ${offsetBytes} and length ${lengthBytes} do not name a range.`,
      "Pass two non-negative whole numbers of bytes.",
    );
  }
  if (offsetBytes + lengthBytes > sizeBytes) throw new RangeReadError(name, offsetBytes, lengthBytes, sizeBytes);
}

/** Throws DisposedError once a source has been closed. */
export function checkOpen(name: string, isClosed: boolean): void {
  if (isClosed) throw new DisposedError(name, "used");
}
