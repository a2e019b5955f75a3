import { type BlockFormat, blockFormatOfCode, byteLengthOf } from "../quant/formats.ts";
import type { TensorPlace } from "../tensor-place.ts";
import type { HeaderCursor } from "./header-cursor.ts";
import { readName } from "./read-value.ts";

/** ggml's GGML_MAX_DIMS. */
const MAX_DIMENSIONS = 4;

/** One entry of the tensor directory; its offset still counts from the start of the data section. */
export async function readTensorInfo(cursor: HeaderCursor, sourceName: string): Promise<TensorPlace> {
  const name = await readName(cursor, "a tensor's name");
  await cursor.need(4);
  const dimensionCount = cursor.u32();
  if (dimensionCount === 0 || dimensionCount > MAX_DIMENSIONS) {
    throw cursor.error(`tensor ${name} claims ${dimensionCount} dimensions, not 1 to ${MAX_DIMENSIONS}`);
  }
  await cursor.need(8 * dimensionCount + 12);
  const innermostFirst = Array.from({ length: dimensionCount }, () => toSize(cursor.u64(), name, cursor));
  const format = blockFormatOfCode(cursor.u32(), `${sourceName}, tensor ${name}`);
  const offsetBytes = toSize(cursor.u64(), name, cursor, true);
  const byteLength = checkedByteLength(format, innermostFirst, name, cursor);
  return { name, type: format.type, shape: innermostFirst.reverse(), offsetBytes, byteLength };
}

function toSize(value: bigint, name: string, cursor: HeaderCursor, zeroAllowed = false): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER) || (value === 0n && !zeroAllowed)) {
    throw cursor.error(`tensor ${name} has the dimension or offset ${value}`);
  }
  return Number(value);
}

function checkedByteLength(
  format: BlockFormat,
  innermostFirst: readonly number[],
  name: string,
  cursor: HeaderCursor,
): number {
  if (innermostFirst[0] % format.elements !== 0) {
    throw cursor.error(
      `tensor ${name} of type ${format.type} has rows of ${innermostFirst[0]} elements, which is no multiple of ${format.elements}`,
    );
  }
  let elementCount = 1;
  for (const size of innermostFirst) {
    elementCount *= size;
    // 8 is the widest element: the byte length then stays exact too
    if (elementCount > Number.MAX_SAFE_INTEGER / 8) {
      throw cursor.error(`tensor ${name} claims more elements than a file can hold`);
    }
  }
  return byteLengthOf(format.type, elementCount);
}
