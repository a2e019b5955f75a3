import type { ByteSource } from "../../io/byte-source.ts";
import { CheckpointFormatError } from "../errors.ts";

/** Bytes asked for at once: the header of a small file in one read, of a large vocabulary in a few. */
const CHUNK_BYTES = 1 << 20;
/** A header that claims more than this is refused; the largest published one has 12 MiB. */
const MAX_HEADER_BYTES = 1 << 28;

/**
 * Reads little-endian values one after the other from the start of a source.
 * Nothing is allocated for a length before the source is known to hold that many bytes.
 */
export class HeaderCursor {
  readonly #source: ByteSource;
  readonly #signal: AbortSignal | undefined;
  #window: DataView<ArrayBuffer> = new DataView(new ArrayBuffer(0));
  #windowStart = 0;
  #at = 0;

  constructor(source: ByteSource, signal: AbortSignal | undefined) {
    this.#source = source;
    this.#signal = signal;
  }

  /** Offset of the next byte in the file. */
  get offsetBytes(): number {
    return this.#windowStart + this.#at;
  }

  /** The next string's bytes if all of it was read already, which is nearly always; else undefined and no move. */
  bufferedString(): Uint8Array<ArrayBuffer> | undefined {
    const buffered = this.#buffered;
    if (buffered < 8 || this.#window.getUint32(this.#at + 4, true) !== 0) return undefined;
    const length = this.#window.getUint32(this.#at, true);
    if (length > buffered - 8) return undefined;
    this.#at += 8;
    return this.bytes(length);
  }

  get #buffered(): number {
    return this.#window.byteLength - this.#at;
  }

  /** Throws when the file cannot hold `count` more items of at least `bytesEach`; `what` names them. */
  checkClaim(count: bigint, bytesEach: number, what: string): number {
    const rest = Math.min(this.#source.sizeBytes, MAX_HEADER_BYTES) - this.offsetBytes;
    if (count * BigInt(bytesEach) > BigInt(Math.max(rest, 0))) {
      throw this.error(
        `${what} claims ${count} items at byte ${this.offsetBytes} where ${rest} bytes are left for them`,
      );
    }
    return Number(count);
  }

  /** Makes sure that `lengthBytes` can be taken. Throws CheckpointFormatError when the file ends before that. */
  async need(lengthBytes: number): Promise<void> {
    if (this.#buffered >= lengthBytes) return;
    const start = this.offsetBytes;
    const rest = Math.min(this.#source.sizeBytes, MAX_HEADER_BYTES) - start;
    if (lengthBytes > rest) throw this.error(`the header ends at byte ${start + rest} in the middle of a value`);
    const bytes = await this.#source.read(start, Math.min(Math.max(lengthBytes, CHUNK_BYTES), rest), this.#signal);
    this.#window = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#windowStart = start;
    this.#at = 0;
  }

  /** The next `lengthBytes` as a view that stays valid. `need` comes first, here and below. */
  bytes(lengthBytes: number): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.#window.buffer, this.#window.byteOffset + this.#advance(lengthBytes), lengthBytes);
  }

  u8(): number {
    return this.#window.getUint8(this.#advance(1));
  }

  i8(): number {
    return this.#window.getInt8(this.#advance(1));
  }

  u16(): number {
    return this.#window.getUint16(this.#advance(2), true);
  }

  i16(): number {
    return this.#window.getInt16(this.#advance(2), true);
  }

  u32(): number {
    return this.#window.getUint32(this.#advance(4), true);
  }

  i32(): number {
    return this.#window.getInt32(this.#advance(4), true);
  }

  u64(): bigint {
    return this.#window.getBigUint64(this.#advance(8), true);
  }

  i64(): bigint {
    return this.#window.getBigInt64(this.#advance(8), true);
  }

  f32(): number {
    return this.#window.getFloat32(this.#advance(4), true);
  }

  f64(): number {
    return this.#window.getFloat64(this.#advance(8), true);
  }

  error(problem: string): CheckpointFormatError {
    return new CheckpointFormatError(this.#source.name, problem);
  }

  #advance(lengthBytes: number): number {
    const at = this.#at;
    this.#at += lengthBytes;
    return at;
  }
}
