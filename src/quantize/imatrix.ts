import type { ByteSource } from "../io/byte-source.ts";
import { openCheckpoint } from "../weights/open-checkpoint.ts";
import { ImportanceError } from "./errors.ts";
import { importanceFromGguf } from "./imatrix-gguf.ts";

/** Mean squared activations that a weight's columns met, by the weight's name. */
export interface ImportanceMatrix {
  readonly entries: ReadonlyMap<string, ImportanceEntry>;
  /** Chunks of the calibration text. */
  readonly chunkCount: number;
  /** What it was calibrated on. */
  readonly dataset: string;
}

/** One weight's record. */
export interface ImportanceEntry {
  readonly callCount: number;
  /** One value a column: mean of x² over all rows seen. */
  readonly meanSquares: Float32Array<ArrayBuffer>;
}

/** Larger than the file of any released model by a factor of ten. */
const MAX_FILE_BYTES = 1 << 28;
const MAX_NAME_BYTES = 1 << 12;

/** Reads an importance matrix of llama.cpp, imatrix.dat or GGUF. Throws ImportanceError when it contradicts itself. */
export async function readImportance(source: ByteSource, signal?: AbortSignal): Promise<ImportanceMatrix> {
  const start = await source.read(0, Math.min(4, source.sizeBytes), signal);
  if (new TextDecoder().decode(start) === "GGUF") {
    return importanceFromGguf(await openCheckpoint(source, signal === undefined ? {} : { signal }), signal);
  }
  return readDat(source, signal);
}

async function readDat(source: ByteSource, signal: AbortSignal | undefined): Promise<ImportanceMatrix> {
  if (source.sizeBytes > MAX_FILE_BYTES) throw new ImportanceError(source.name, `it has ${source.sizeBytes} bytes`);
  const bytes = await source.read(0, source.sizeBytes, signal);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  const take = (length: number, what: string): number => {
    if (length < 0 || length > bytes.length - at) {
      throw new ImportanceError(source.name, `it claims ${length} bytes for ${what} at ${at} of ${bytes.length}`);
    }
    at += length;
    return at - length;
  };
  const int = (what: string): number => view.getInt32(take(4, what), true);
  const text = (length: number, what: string): string => {
    const start = take(length, what);
    return new TextDecoder().decode(bytes.subarray(start, start + length));
  };

  const entries = new Map<string, ImportanceEntry>();
  const entryCount = int("the number of entries");
  for (let i = 0; i < entryCount; i++) {
    const nameLength = int("a name's length");
    if (nameLength > MAX_NAME_BYTES) throw new ImportanceError(source.name, `a name has ${nameLength} bytes`);
    const name = text(nameLength, "a name");
    const callCount = int(`the calls of ${name}`);
    const valueCount = int(`the values of ${name}`);
    const start = take(4 * valueCount, name);
    const sums = new Float32Array(bytes.slice(start, start + 4 * valueCount).buffer);
    if (callCount <= 0 || sums.some((value) => !(value >= 0 && value < Infinity))) {
      throw new ImportanceError(source.name, `entry ${name} has ${callCount} calls or values that are no mean squares`);
    }
    entries.set(name, { callCount, meanSquares: sums.map((value) => value / callCount) });
  }
  // Files of older versions end here.
  if (at === bytes.length) return { entries, chunkCount: 0, dataset: "" };
  const chunkCount = int("the number of chunks");
  return { entries, chunkCount, dataset: text(int("the data set's length"), "the data set's name") };
}

/** Bytes of an imatrix.dat file that llama.cpp reads. */
export function writeImportance({ entries, chunkCount, dataset }: ImportanceMatrix): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array[] = [];
  const int = (value: number): void => {
    parts.push(new Uint8Array(Int32Array.of(value).buffer));
  };
  const text = (value: string): void => {
    const utf8 = new TextEncoder().encode(value);
    int(utf8.length);
    parts.push(utf8);
  };
  int(entries.size);
  for (const [name, { callCount, meanSquares }] of entries) {
    text(name);
    int(callCount);
    int(meanSquares.length);
    parts.push(new Uint8Array(meanSquares.map((value) => value * callCount).buffer));
  }
  int(chunkCount);
  text(dataset);
  const out = new Uint8Array(parts.reduce((total, part) => total + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** Gathers an importance matrix while a model runs: `add` for every input of a weight, `finish` at the end. */
export class ImportanceCollector {
  readonly #sums = new Map<string, { sums: Float64Array; rowCount: number; callCount: number }>();

  /** Rows [rowCount, rowLength] that are about to be multiplied with the weight `name`. */
  add(name: string, rows: Float32Array, rowLength: number): void {
    const entry = this.#sums.get(name) ?? { sums: new Float64Array(rowLength), rowCount: 0, callCount: 0 };
    if (entry.sums.length !== rowLength || rows.length % rowLength !== 0) {
      throw new ImportanceError(name, `rows of ${rowLength} came after rows of ${entry.sums.length}`);
    }
    for (let i = 0; i < rows.length; i++) entry.sums[i % rowLength] += rows[i] * rows[i];
    entry.rowCount += rows.length / rowLength;
    entry.callCount++;
    this.#sums.set(name, entry);
  }

  /** The matrix gathered so far. */
  finish(chunkCount: number, dataset: string): ImportanceMatrix {
    const entries = new Map<string, ImportanceEntry>();
    for (const [name, { sums, rowCount, callCount }] of this.#sums) {
      if (rowCount > 0) entries.set(name, { callCount, meanSquares: Float32Array.from(sums, (sum) => sum / rowCount) });
    }
    return { entries, chunkCount, dataset };
  }
}
