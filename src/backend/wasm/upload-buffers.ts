/**
 * Where the bytes and the numbers of one chunk of a weight lie while it is packed. Used again for every chunk: buffers of
 * their own for each would pile up to a hundred megabytes before the engine collects them.
 */
export class UploadBuffers {
  #bytes = new Uint8Array(0);
  #floats = new Float32Array(0);

  /** Room for `length` bytes; what was there may be overwritten. */
  bytes(length: number): Uint8Array<ArrayBuffer> {
    if (this.#bytes.length < length) this.#bytes = new Uint8Array(length);
    return this.#bytes.subarray(0, length);
  }

  floats(length: number): Float32Array<ArrayBuffer> {
    if (this.#floats.length < length) this.#floats = new Float32Array(length);
    return this.#floats.subarray(0, length);
  }
}
