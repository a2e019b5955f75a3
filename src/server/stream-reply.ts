/** How a stream is written. */
export interface StreamOptions {
  readonly contentType: string;
  /** The last lines of a stream that failed. */
  readonly onError: (error: unknown) => string;
  /** Called when the client goes away. */
  readonly onGone: () => void;
  /** What to write where nothing else was for `pingMs`; nothing where absent. */
  readonly ping?: { readonly text: string; readonly everyMs: number } | undefined;
}

/** An error that comes within this time is answered with its own status; after it the stream has begun. */
const PATIENCE_MS = 2000;

/** A reply that is written as its lines come. Throws what the lines throw before the reply has begun. */
export async function streamReply(lines: AsyncGenerator<string>, options: StreamOptions): Promise<Response> {
  const first = lines.next();
  await settledWithin(first, PATIENCE_MS);
  return new Response(bodyOf(lines, first, options), {
    headers: {
      "content-type": options.contentType,
      "cache-control": "no-cache",
      // proxies must not gather the pieces
      "x-accel-buffering": "no",
    },
  });
}

/** Waits for `first` or the end of patience. Throws what `first` throws. */
async function settledWithin(first: Promise<unknown>, ms: number): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const patience = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  try {
    await Promise.race([first, patience]);
  } finally {
    clearTimeout(timer);
  }
}

function bodyOf(
  lines: AsyncGenerator<string>,
  first: Promise<IteratorResult<string>>,
  { onError, onGone, ping }: StreamOptions,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let next: Promise<IteratorResult<string>> | undefined = first;
  let timer: ReturnType<typeof setInterval> | undefined;
  let isSilent = true;
  const end = (): void => clearInterval(timer);
  return new ReadableStream({
    start(controller) {
      if (ping === undefined) return;
      timer = setInterval(() => {
        if (isSilent) controller.enqueue(encoder.encode(ping.text));
        isSilent = true;
      }, ping.everyMs);
    },
    // pulled only as the client reads: a slow client slows its own answer, not the memory of the server
    async pull(controller) {
      try {
        const { done, value } = await (next ?? lines.next());
        next = undefined;
        isSilent = false;
        if (done) {
          end();
          controller.close();
        } else controller.enqueue(encoder.encode(value));
      } catch (error) {
        end();
        controller.enqueue(encoder.encode(onError(error)));
        controller.close();
      }
    },
    cancel() {
      end();
      onGone();
      void lines.return(undefined).catch(() => undefined); // whoever would be told has gone
    },
  });
}
