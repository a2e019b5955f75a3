import type { ByteSource } from "../../io/byte-source.ts";
import { CheckpointFormatError, CheckpointUnsupportedError } from "../errors.ts";
import { checkPlaces, type TensorPlace } from "../tensor-place.ts";
import { HeaderCursor } from "./header-cursor.ts";
import { readName, readValue } from "./read-value.ts";
import { readTensorInfo } from "./tensor-info.ts";
import type { GgufValue } from "./value.ts";

/** "GGUF" read as a little-endian u32. */
export const GGUF_MAGIC = 0x46554747;
/** Alignment of the data section unless `general.alignment` says otherwise. */
export const DEFAULT_ALIGNMENT = 32;

/** Smallest entries that the format allows: key length, type and one byte; name length, dimensions, type, offset. */
const MIN_PAIR_BYTES = 13;
const MIN_TENSOR_BYTES = 32;

/** Everything a GGUF file says before its tensor data. */
export interface GgufHeader {
  readonly version: 2 | 3;
  readonly metadata: ReadonlyMap<string, GgufValue>;
  /** In file order, offsets from the start of the file. */
  readonly tensors: readonly TensorPlace[];
  readonly alignmentBytes: number;
  readonly dataOffsetBytes: number;
}

/** Reads and checks the header; no byte of the data section beyond one read-ahead. Throws CheckpointFormatError. */
export async function readGgufHeader(source: ByteSource, signal?: AbortSignal): Promise<GgufHeader> {
  const cursor = new HeaderCursor(source, signal);
  const version = await readVersion(cursor, source.name);
  await cursor.need(16);
  const tensorCount = cursor.checkClaim(cursor.u64(), MIN_TENSOR_BYTES, "the tensor directory");
  const pairCount = cursor.checkClaim(cursor.u64(), MIN_PAIR_BYTES, "the metadata");

  const metadata = new Map<string, GgufValue>();
  for (let i = 0; i < pairCount; i++) {
    const key = await readName(cursor, "a metadata key");
    if (metadata.has(key)) throw cursor.error(`metadata key ${key} occurs twice`);
    metadata.set(key, await readValue(cursor, key));
  }
  const relative: TensorPlace[] = [];
  for (let i = 0; i < tensorCount; i++) relative.push(await readTensorInfo(cursor, source.name));

  const alignmentBytes = alignmentOf(metadata, source.name);
  const dataOffsetBytes = Math.ceil(cursor.offsetBytes / alignmentBytes) * alignmentBytes;
  const tensors = relative.map((place) => {
    if (place.offsetBytes % alignmentBytes !== 0) {
      throw cursor.error(`tensor ${place.name} lies at ${place.offsetBytes}, not aligned to ${alignmentBytes} bytes`);
    }
    return { ...place, offsetBytes: dataOffsetBytes + place.offsetBytes };
  });
  checkPlaces(source.name, tensors, source.sizeBytes);
  return { version, metadata, tensors, alignmentBytes, dataOffsetBytes };
}

async function readVersion(cursor: HeaderCursor, sourceName: string): Promise<2 | 3> {
  await cursor.need(8);
  if (cursor.u32() !== GGUF_MAGIC) throw cursor.error("this is not a GGUF file");
  const version = cursor.u32();
  if (version === 2 || version === 3) return version;
  const isBigEndian = version !== 0 && (version & 0xffff) === 0;
  throw new CheckpointUnsupportedError(
    sourceName,
    isBigEndian ? "this GGUF file is big-endian" : `GGUF version ${version} is not supported`,
    "Convert the file to little-endian GGUF version 3.",
  );
}

function alignmentOf(metadata: ReadonlyMap<string, GgufValue>, fileName: string): number {
  const entry = metadata.get("general.alignment");
  if (entry === undefined) return DEFAULT_ALIGNMENT;
  const isPowerOfTwo = entry.type === "u32" && entry.value > 0 && Math.log2(entry.value) % 1 === 0;
  if (!isPowerOfTwo) {
    const found = entry.type === "array" ? "an array" : `${entry.type} ${entry.value}`;
    throw new CheckpointFormatError(fileName, `general.alignment is ${found}, not a power of two of type u32`);
  }
  return entry.value;
}
