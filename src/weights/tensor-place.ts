import { CheckpointFormatError } from "./errors.ts";
import type { GgmlType } from "./quant/formats.ts";

/** Where a tensor lies in a file. */
export interface TensorPlace {
  readonly name: string;
  readonly type: GgmlType;
  /** Outermost first; the last one is the row length. */
  readonly shape: readonly number[];
  /** From the start of the file once the directory is complete. */
  readonly offsetBytes: number;
  readonly byteLength: number;
}

/** Throws CheckpointFormatError when two tensors share a name or bytes, or one ends after `fileBytes`. */
export function checkPlaces(fileName: string, places: readonly TensorPlace[], fileBytes: number): void {
  const names = new Set<string>();
  for (const { name, offsetBytes, byteLength } of places) {
    if (names.has(name)) throw new CheckpointFormatError(fileName, `two tensors are called ${name}`);
    names.add(name);
    if (offsetBytes + byteLength > fileBytes) {
      throw new CheckpointFormatError(
        fileName,
        `tensor ${name} needs bytes ${offsetBytes} to ${offsetBytes + byteLength} of a file of ${fileBytes} bytes`,
      );
    }
  }
  const inOrder = [...places].sort((a, b) => a.offsetBytes - b.offsetBytes);
  for (let i = 1; i < inOrder.length; i++) {
    const before = inOrder[i - 1];
    if (before.offsetBytes + before.byteLength > inOrder[i].offsetBytes) {
      throw new CheckpointFormatError(fileName, `tensors ${before.name} and ${inOrder[i].name} overlap`);
    }
  }
}
