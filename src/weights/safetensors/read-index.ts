import type { ByteSource } from "../../io/byte-source.ts";
import { CheckpointFormatError } from "../errors.ts";
import { isRecord, parseJson } from "./json.ts";
import { MAX_HEADER_BYTES } from "./read-header.ts";

/** File name of each tensor of a sharded set, as `model.safetensors.index.json` gives it. Throws CheckpointFormatError. */
export async function readSafetensorsIndex(
  source: ByteSource,
  signal?: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  if (source.sizeBytes > MAX_HEADER_BYTES) {
    throw new CheckpointFormatError(
      source.name,
      `the index has ${source.sizeBytes} bytes, at most ${MAX_HEADER_BYTES}`,
    );
  }
  const index = parseJson(source.name, await source.read(0, source.sizeBytes, signal));
  const weightMap = isRecord(index) ? index.weight_map : undefined;
  if (!isRecord(weightMap)) throw new CheckpointFormatError(source.name, "the index has no weight_map");
  return new Map(
    Object.entries(weightMap).map(([tensor, file]) => {
      // A file name of the same folder: an index from elsewhere must not lead the reader to other places.
      if (typeof file !== "string" || !/^[\w.-]+$/.test(file) || /^\.+$/.test(file)) {
        throw new CheckpointFormatError(
          source.name,
          `tensor ${tensor} lies in ${JSON.stringify(file)}, not a file name`,
        );
      }
      return [tensor, file];
    }),
  );
}
