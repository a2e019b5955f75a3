import type { ByteSource } from "../io/byte-source.ts";
import { Checkpoint, tensorAt } from "./checkpoint.ts";
import { CheckpointFormatError } from "./errors.ts";
import { openGgufSet } from "./gguf/open-set.ts";
import { GGUF_MAGIC } from "./gguf/read-header.ts";
import type { GgufValue } from "./gguf/value.ts";
import { Metadata } from "./metadata.ts";
import { readSafetensorsHeader } from "./safetensors/read-header.ts";
import { readSafetensorsIndex } from "./safetensors/read-index.ts";

/** How to reach the other files of a set, by their name in the folder of the first. */
export type SiblingOpener = (fileName: string) => Promise<ByteSource>;

/** What else `openCheckpoint` takes. */
export interface OpenCheckpointOptions {
  /** Needed for split GGUF files and for a safetensors index. */
  readonly openSibling?: SiblingOpener;
  readonly signal?: AbortSignal;
}

/**
 * Opens a GGUF file, the first of a split set, a safetensors file or a safetensors index, told apart by their bytes.
 * Reads headers only. Closes the sources when it throws, and owns them otherwise.
 */
export async function openCheckpoint(source: ByteSource, options: OpenCheckpointOptions = {}): Promise<Checkpoint> {
  const opened: ByteSource[] = [source];
  const openSibling: SiblingOpener = async (fileName) => {
    if (options.openSibling === undefined) {
      throw new CheckpointFormatError(source.name, `the file is one of a set, and ${fileName} was not given`);
    }
    const sibling = await options.openSibling(fileName);
    opened.push(sibling);
    return sibling;
  };
  try {
    const start = await source.read(0, Math.min(source.sizeBytes, 9), options.signal);
    switch (containerOf(start, source.name)) {
      case "gguf":
        return await openGgufSet(source, openSibling, options.signal);
      case "safetensors":
        return await openSafetensors(source, [source], options.signal);
      case "index":
        return await openSharded(source, openSibling, options.signal);
    }
  } catch (error) {
    await Promise.allSettled(opened.map((each) => each.close()));
    throw error;
  }
}

function containerOf(start: Uint8Array, fileName: string): "gguf" | "safetensors" | "index" {
  if (start.length >= 4 && new DataView(start.buffer, start.byteOffset).getUint32(0, true) === GGUF_MAGIC)
    return "gguf";
  const openBrace = 0x7b;
  // first: a header of 123 bytes starts with the byte of "{" too, and only JSON has no brace at byte 8
  if (start.length >= 9 && start[8] === openBrace && start[7] === 0) return "safetensors";
  if (start.length > 0 && start[0] === openBrace) return "index";
  throw new CheckpointFormatError(fileName, "this is neither a GGUF nor a safetensors file");
}

async function openSafetensors(
  first: ByteSource,
  sources: readonly ByteSource[],
  signal: AbortSignal | undefined,
  expected?: ReadonlyMap<string, string>,
): Promise<Checkpoint> {
  const values = new Map<string, GgufValue>();
  const tensors = [];
  for (const source of sources) {
    const header = await readSafetensorsHeader(source, signal);
    for (const [key, value] of header.metadata) values.set(key, { type: "string", value });
    tensors.push(...header.tensors.map((place) => tensorAt(source, place)));
  }
  const names = new Set(tensors.map((tensor) => tensor.name));
  if (names.size !== tensors.length) throw new CheckpointFormatError(first.name, "two files hold the same tensor");
  const absent = expected === undefined ? undefined : [...expected.keys()].find((name) => !names.has(name));
  if (absent !== undefined) throw new CheckpointFormatError(first.name, `tensor ${absent} of the index is in no file`);
  const metadata = new Metadata(first.name, values);
  const all = sources.includes(first) ? sources : [first, ...sources];
  return new Checkpoint({ fileName: first.name, container: "safetensors", metadata, tensors, sources: all });
}

async function openSharded(
  source: ByteSource,
  openSibling: SiblingOpener,
  signal: AbortSignal | undefined,
): Promise<Checkpoint> {
  const index = await readSafetensorsIndex(source, signal);
  const shards: ByteSource[] = [];
  for (const fileName of new Set(index.values())) shards.push(await openSibling(fileName));
  return openSafetensors(source, shards, signal, index);
}
