import type { ByteSource } from "../../io/byte-source.ts";
import { CheckpointFormatError, CheckpointUnsupportedError } from "../errors.ts";
import { byteLengthOf, type GgmlType } from "../quant/formats.ts";
import { checkPlaces, type TensorPlace } from "../tensor-place.ts";
import { isRecord, parseJson } from "./json.ts";

/** Limit of the reference implementation of the format. */
export const MAX_HEADER_BYTES = 100_000_000;
/** More dimensions than any framework writes. */
const MAX_DIMENSIONS = 8;

/** Everything a safetensors file says before its tensor data. */
export interface SafetensorsHeader {
  readonly metadata: ReadonlyMap<string, string>;
  /** In the order of their offsets, offsets from the start of the file. */
  readonly tensors: readonly TensorPlace[];
}

const TYPES: ReadonlyMap<string, GgmlType> = new Map([
  ["F32", "F32"],
  ["F16", "F16"],
  ["BF16", "BF16"],
  ["F64", "F64"],
  ["I8", "I8"],
  ["I16", "I16"],
  ["I32", "I32"],
  ["I64", "I64"],
]);

/** Reads and checks the JSON header, no tensor bytes. Throws CheckpointFormatError. */
export async function readSafetensorsHeader(source: ByteSource, signal?: AbortSignal): Promise<SafetensorsHeader> {
  const fail = (problem: string): CheckpointFormatError => new CheckpointFormatError(source.name, problem);
  if (source.sizeBytes < 8) throw fail("this is not a safetensors file: it has no header length");
  const prefix = await source.read(0, 8, signal);
  const length = new DataView(prefix.buffer, prefix.byteOffset).getBigUint64(0, true);
  if (length > BigInt(Math.min(MAX_HEADER_BYTES, source.sizeBytes - 8))) {
    throw fail(
      `the header claims ${length} bytes of a file of ${source.sizeBytes}, at most ${MAX_HEADER_BYTES} allowed`,
    );
  }
  const dataOffsetBytes = 8 + Number(length);
  const header = parseJson(source.name, await source.read(8, Number(length), signal));
  if (!isRecord(header)) throw fail("the header is not a JSON object");

  const tensors: TensorPlace[] = [];
  let metadata: ReadonlyMap<string, string> = new Map();
  for (const [name, entry] of Object.entries(header)) {
    if (name === "__metadata__") metadata = readMetadata(entry, source.name);
    else tensors.push(readEntry(name, entry, source.name, dataOffsetBytes));
  }
  checkPlaces(source.name, tensors, source.sizeBytes);
  tensors.sort((a, b) => a.offsetBytes - b.offsetBytes);
  return { metadata, tensors };
}

function readMetadata(entry: unknown, fileName: string): ReadonlyMap<string, string> {
  if (!isRecord(entry)) throw new CheckpointFormatError(fileName, "__metadata__ is not a JSON object");
  return new Map(
    Object.entries(entry).map(([key, value]) => {
      if (typeof value !== "string") throw new CheckpointFormatError(fileName, `__metadata__.${key} is not a string`);
      return [key, value];
    }),
  );
}

function readEntry(name: string, entry: unknown, fileName: string, dataOffsetBytes: number): TensorPlace {
  const fail = (problem: string): CheckpointFormatError =>
    new CheckpointFormatError(fileName, `tensor ${name} ${problem}`);
  if (!isRecord(entry)) throw fail("is not a JSON object");
  const { dtype, shape, data_offsets: offsets } = entry;
  if (typeof dtype !== "string") throw fail("has no dtype");
  const type = TYPES.get(dtype);
  if (type === undefined) {
    throw new CheckpointUnsupportedError(
      fileName,
      `tensor ${name} has the unsupported dtype ${dtype.slice(0, 20)}`,
      `Save it as one of ${[...TYPES.keys()].join(", ")}.`,
    );
  }
  if (!isSizes(shape) || shape.length > MAX_DIMENSIONS) throw fail("has no shape of whole numbers");
  if (!isSizes(offsets) || offsets.length !== 2 || offsets[0] > offsets[1]) throw fail("has no data_offsets");
  const elementCount = shape.reduce((product, size) => product * size, 1);
  if (elementCount > Number.MAX_SAFE_INTEGER / 8) throw fail("claims more elements than a file can hold");
  const byteLength = byteLengthOf(type, elementCount);
  if (offsets[1] - offsets[0] !== byteLength) {
    throw fail(`of ${dtype} [${shape.join(", ")}] needs ${byteLength} bytes and has ${offsets[1] - offsets[0]}`);
  }
  return { name, type, shape, offsetBytes: dataOffsetBytes + offsets[0], byteLength };
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);
}
