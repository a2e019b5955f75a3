/** Where a file goes that is written once, from start to end. */
export interface ByteSink {
  /** What to call it in messages. */
  readonly name: string;
  /** Appends. Throws OutputWriteError, after which only `abort` is left. */
  write(bytes: Uint8Array): Promise<void>;
  /** Makes the whole file appear under its name. */
  commit(): Promise<void>;
  /** Leaves nothing behind. Safe after any failure, and after `commit` it does nothing. */
  abort(): Promise<void>;
}

/** Lets `produce` fill the sink, commits when it returns and aborts when it throws. */
export async function writeWhole(sink: ByteSink, produce: (sink: ByteSink) => Promise<void>): Promise<void> {
  try {
    await produce(sink);
    await sink.commit();
  } catch (error) {
    await sink.abort();
    throw error;
  }
}
