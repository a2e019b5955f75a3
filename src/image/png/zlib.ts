import { ImageCorruptError, ImageTruncatedError } from "../errors.ts";

/**
 * Inflates a zlib stream given in parts and returns its first `byteCount` bytes; reading stops there, so that a
 * small file cannot fill memory. `isWhole` says whether the file had its end: where not, a failure is a truncation.
 * Throws ImageCorruptError or ImageTruncatedError.
 */
export async function inflate(parts: readonly Uint8Array[], byteCount: number, isWhole: boolean): Promise<Uint8Array> {
  const output = new Uint8Array(byteCount);
  const reader = streamOf(parts).pipeThrough(new DecompressionStream("deflate")).getReader();
  let filled = 0;
  while (filled < byteCount) {
    const chunk = await readOrThrow(reader, `${filled} of ${byteCount} bytes`, isWhole);
    if (chunk === undefined)
      throw new ImageTruncatedError(`The PNG has ${filled} of ${byteCount} bytes of picture data.`);
    output.set(chunk.subarray(0, byteCount - filled), filled);
    filled += chunk.length;
  }
  // the rest, a checksum or surplus rows, is not needed; a stream that failed meanwhile has nothing to cancel
  await reader.cancel().catch(() => undefined);
  return output;
}

/** Deflates bytes into a zlib stream. */
export async function deflate(bytes: Uint8Array): Promise<Uint8Array> {
  const stream = streamOf([bytes]).pipeThrough(new CompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

async function readOrThrow(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  progress: string,
  isWhole: boolean,
): Promise<Uint8Array | undefined> {
  try {
    return (await reader.read()).value;
  } catch (cause) {
    // Node and browsers word a cut stream and a broken one alike, so the file's end has to tell them apart
    if (!isWhole) throw new ImageTruncatedError(`The PNG breaks off after ${progress} of picture data.`, { cause });
    throw new ImageCorruptError(`The PNG's compressed data is damaged after ${progress}.`, { cause });
  }
}

function streamOf(parts: readonly Uint8Array[]): ReadableStream<Uint8Array<ArrayBuffer>> {
  let next = 0;
  return new ReadableStream({
    pull(controller) {
      if (next < parts.length) controller.enqueue(new Uint8Array(parts[next++]));
      else controller.close();
    },
  });
}
