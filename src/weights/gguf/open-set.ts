import type { ByteSource } from "../../io/byte-source.ts";
import { Checkpoint, tensorAt } from "../checkpoint.ts";
import { CheckpointFormatError } from "../errors.ts";
import { Metadata } from "../metadata.ts";
import { readGgufHeader } from "./read-header.ts";

/** More parts than any published set has. */
const MAX_PARTS = 1024;
const PART_NAME = /^(.*)-(\d{5})-of-(\d{5})\.gguf$/;

/** Opens a GGUF file and, when its `split.*` keys say so, the other parts. Throws CheckpointFormatError. */
export async function openGgufSet(
  first: ByteSource,
  openSibling: (fileName: string) => Promise<ByteSource>,
  signal?: AbortSignal,
): Promise<Checkpoint> {
  const header = await readGgufHeader(first, signal);
  const metadata = new Metadata(first.name, header.metadata);
  const tensors = header.tensors.map((place) => tensorAt(first, place));
  const sources = [first];
  for (const fileName of otherParts(first.name, metadata)) {
    const part = await openSibling(fileName);
    const partHeader = await readGgufHeader(part, signal);
    const index = new Metadata(part.name, partHeader.metadata).number("split.no");
    if (index !== sources.length) {
      throw new CheckpointFormatError(part.name, `split.no is ${index} where part ${sources.length} is expected`);
    }
    sources.push(part);
    tensors.push(...partHeader.tensors.map((place) => tensorAt(part, place)));
  }
  checkTotal(first.name, metadata, tensors);
  return new Checkpoint({ fileName: first.name, container: "gguf", metadata, tensors, sources });
}

/** Names of the parts after the first; none for a file that is not split. */
function otherParts(name: string, metadata: Metadata): string[] {
  const count = metadata.number("split.count") ?? 1;
  if (count <= 1) return [];
  if (!Number.isInteger(count) || count > MAX_PARTS) {
    throw new CheckpointFormatError(name, `split.count is ${count}, at most ${MAX_PARTS} parts are read`);
  }
  if (metadata.number("split.no") !== 0) {
    throw new CheckpointFormatError(name, "this is not the first part of a split file; open part 00001");
  }
  const fileName = name.split(/[/\\]/).at(-1) ?? name;
  const match = PART_NAME.exec(fileName);
  if (match === null || Number(match[3]) !== count) {
    throw new CheckpointFormatError(name, `the file is the first of ${count} parts and is not named like one`);
  }
  const part = (index: number): string => String(index).padStart(5, "0");
  return Array.from({ length: count - 1 }, (_, i) => `${match[1]}-${part(i + 2)}-of-${part(count)}.gguf`);
}

function checkTotal(name: string, metadata: Metadata, tensors: readonly { readonly name: string }[]): void {
  const claimed = metadata.number("split.tensors.count");
  if (claimed !== undefined && claimed !== tensors.length) {
    throw new CheckpointFormatError(
      name,
      `the parts hold ${tensors.length} tensors, split.tensors.count is ${claimed}`,
    );
  }
  if (new Set(tensors.map((tensor) => tensor.name)).size !== tensors.length) {
    throw new CheckpointFormatError(name, "two parts hold the same tensor");
  }
}
