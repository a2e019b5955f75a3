import type { ByteSource } from "./byte-source.ts";
import { checkRange } from "./read-range.ts";

export interface CacheOptions {
  readonly blockBytes?: number;
  /** Least recently used blocks leave beyond this many. */
  readonly blockCount?: number;
}

/** Serves small reads from blocks kept in memory, so that parsing a header takes few requests. Reads longer than a block pass through. */
export function cachedSource(source: ByteSource, options: CacheOptions = {}): ByteSource {
  const blockBytes = options.blockBytes ?? 2 ** 18;
  const blocks = new BlockCache(source, blockBytes, options.blockCount ?? 32);
  return {
    name: source.name,
    sizeBytes: source.sizeBytes,
    read: async (offsetBytes, lengthBytes, signal, into) => {
      checkRange(source.name, source.sizeBytes, offsetBytes, lengthBytes);
      if (lengthBytes > blockBytes) return source.read(offsetBytes, lengthBytes, signal, into);
      const bytes = new Uint8Array(lengthBytes);
      let done = 0;
      while (done < lengthBytes) {
        const at = offsetBytes + done;
        const block = await blocks.get(Math.floor(at / blockBytes), signal);
        const part = block.subarray(at % blockBytes, (at % blockBytes) + lengthBytes - done);
        bytes.set(part, done);
        done += part.byteLength;
      }
      return bytes;
    },
    close: () => {
      blocks.clear();
      return source.close();
    },
  };
}

class BlockCache {
  readonly #source: ByteSource;
  readonly #blockBytes: number;
  readonly #blockCount: number;
  // A Map keeps insertion order: the first key is the one used longest ago.
  readonly #blocks = new Map<number, Uint8Array>();

  constructor(source: ByteSource, blockBytes: number, blockCount: number) {
    this.#source = source;
    this.#blockBytes = blockBytes;
    this.#blockCount = blockCount;
  }

  async get(index: number, signal: AbortSignal | undefined): Promise<Uint8Array> {
    const known = this.#blocks.get(index);
    if (known) {
      this.#blocks.delete(index);
      this.#blocks.set(index, known);
      return known;
    }
    const start = index * this.#blockBytes;
    const block = await this.#source.read(start, Math.min(this.#blockBytes, this.#source.sizeBytes - start), signal);
    this.#blocks.set(index, block);
    for (const oldest of this.#blocks.keys()) {
      if (this.#blocks.size <= this.#blockCount) break;
      this.#blocks.delete(oldest);
    }
    return block;
  }

  clear(): void {
    this.#blocks.clear();
  }
}
