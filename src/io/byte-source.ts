/** Random access to the bytes of one file, wherever it lies. */
export interface ByteSource {
  /** What to call it in messages: a path, a URL or a file name. */
  readonly name: string;
  readonly sizeBytes: number;
  /**
   * Bytes [offsetBytes, offsetBytes + lengthBytes); in `into`, which has that length, where the source can put them there.
   * Throws RangeReadError when the file ends before that.
   */
  read(
    offsetBytes: number,
    lengthBytes: number,
    signal?: AbortSignal,
    into?: Uint8Array<ArrayBuffer>,
  ): Promise<Uint8Array<ArrayBuffer>>;
  /** Gives back handles; reading afterwards throws DisposedError. */
  close(): Promise<void>;
}
