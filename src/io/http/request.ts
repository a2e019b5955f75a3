import { AbortedError, MiniCpmError } from "../../base/errors.ts";
import { HttpError, NetworkError } from "../errors.ts";
import type { HttpSettings } from "./settings.ts";

/** Status below 400, its headers, and a body that is read once. */
export interface HttpReply {
  readonly status: number;
  readonly headers: Headers;
  /** The body as it arrives. Leaving the loop early closes the connection. Throws NetworkError, AbortedError. */
  chunks(): AsyncGenerator<Uint8Array>;
  /** Closes the connection without reading on. */
  discard(): void;
}

export interface RequestOptions {
  readonly method?: "GET" | "HEAD";
  readonly headers?: Record<string, string>;
  readonly signal?: AbortSignal;
}

// An error page is quoted in the message, and only its beginning.
const MAX_DETAIL_BYTES = 300;

/** One request, tried once. Throws HttpError from 400 on, NetworkError when nothing comes back in time, AbortedError. */
export async function request(http: HttpSettings, url: string, options: RequestOptions = {}): Promise<HttpReply> {
  const watch = new Watch(http, url, options.signal);
  const response = await watch.over(() =>
    http.fetch(url, {
      method: options.method ?? "GET",
      headers: { ...http.headers(url), ...options.headers },
      signal: watch.controller.signal,
    }),
  );
  const reply: HttpReply = {
    status: response.status,
    headers: response.headers,
    chunks: () => readChunks(response, watch),
    discard: () => watch.controller.abort(),
  };
  if (response.status < 400) return reply;
  const detail = await readDetail(reply);
  throw new HttpError(url, response.status, { retryAfterMs: retryAfterMs(response.headers), detail });
}

/** Turns silence and the caller's signal into typed errors, even where a fetch does not heed its own signal. */
class Watch {
  readonly controller = new AbortController();
  readonly #http: HttpSettings;
  readonly #url: string;
  readonly #signal: AbortSignal | undefined;

  constructor(http: HttpSettings, url: string, signal: AbortSignal | undefined) {
    this.#http = http;
    this.#url = url;
    this.#signal = signal;
  }

  over<T>(start: () => Promise<T>): Promise<T> {
    const signal = this.#signal;
    const aborted = (): AbortedError => new AbortedError("The transfer", { cause: signal?.reason });
    if (signal?.aborted) {
      this.controller.abort();
      return Promise.reject(aborted());
    }
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        cancelTimer();
        signal?.removeEventListener("abort", onAbort);
      };
      const fail = (error: Error): void => {
        settle();
        reject(error);
        this.controller.abort(error);
      };
      const onAbort = (): void => fail(aborted());
      const { clock, idleTimeoutMs } = this.#http;
      const onIdle = (): void => fail(new NetworkError(this.#url, `nothing arrived for ${idleTimeoutMs} ms`));
      const cancelTimer = clock.timer(idleTimeoutMs, onIdle);
      signal?.addEventListener("abort", onAbort, { once: true });
      start().then(
        (value) => {
          settle();
          resolve(value);
        },
        (cause: unknown) =>
          fail(cause instanceof MiniCpmError ? cause : new NetworkError(this.#url, describe(cause), { cause })),
      );
    });
  }
}

async function* readChunks(response: Response, watch: Watch): AsyncGenerator<Uint8Array> {
  const reader = response.body?.getReader();
  if (!reader) return;
  let isFinished = false;
  try {
    while (true) {
      const { done, value } = await watch.over(() => reader.read());
      if (done) break;
      if (value.byteLength > 0) yield value;
    }
    isFinished = true;
  } finally {
    if (!isFinished) watch.controller.abort();
  }
}

async function readDetail(reply: HttpReply): Promise<string | undefined> {
  const header = reply.headers.get("x-error-message");
  if (header) {
    reply.discard();
    return header.slice(0, MAX_DETAIL_BYTES);
  }
  let text = "";
  const decoder = new TextDecoder();
  try {
    for await (const chunk of reply.chunks()) {
      text += decoder.decode(chunk.subarray(0, MAX_DETAIL_BYTES), { stream: true });
      if (text.length >= MAX_DETAIL_BYTES) break;
    }
  } catch (error) {
    // The status alone says enough; only the caller's own wish to stop goes before it.
    if (error instanceof AbortedError) throw error;
  }
  const isPage = /^\s*</.test(text);
  return isPage || text === "" ? undefined : text.trim().slice(0, MAX_DETAIL_BYTES);
}

function retryAfterMs(headers: Headers): number | undefined {
  const value = headers.get("retry-after");
  if (value === null) return undefined;
  const seconds = Number(value);
  if (Number.isFinite(seconds)) return Math.max(0, seconds * 1000);
  // A date is read against the server's own clock, so that ours need not be right.
  const waitMs = Date.parse(value) - Date.parse(headers.get("date") ?? "");
  return Number.isFinite(waitMs) ? Math.max(0, waitMs) : undefined;
}

/** Undici says "fetch failed" and hides the reason in a chain of causes. */
function describe(cause: unknown): string {
  let deepest = cause;
  while (deepest instanceof Error && deepest.cause instanceof Error) deepest = deepest.cause;
  if (!(deepest instanceof Error)) return "the connection failed";
  const code = "code" in deepest && typeof deepest.code === "string" ? ` (${deepest.code})` : "";
  return `the connection failed: ${deepest.message || deepest.name}${code}`;
}
