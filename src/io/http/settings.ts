import { type Clock, systemClock } from "../clock.ts";

/** The part of `fetch` that io needs; Node's proxy tunnel and tests supply their own. Follows redirects. */
export type FetchLike = (url: string, init: FetchInit) => Promise<Response>;

export interface FetchInit {
  readonly method: "GET" | "HEAD";
  readonly headers: Record<string, string>;
  readonly signal: AbortSignal;
}

/** How often and how patiently a failed request is tried again. */
export interface RetryPolicy {
  /** Failures in a row, without one new byte between them, after which the error is thrown. */
  readonly maxFailures: number;
  readonly firstDelayMs: number;
  readonly maxDelayMs: number;
  /** A server's Retry-After beyond this is not waited for: the error says how long it would be. */
  readonly maxRetryAfterMs: number;
}

export interface HttpSettings {
  readonly fetch: FetchLike;
  readonly clock: Clock;
  /** A connection that brings nothing for this long counts as broken. */
  readonly idleTimeoutMs: number;
  readonly retry: RetryPolicy;
  /** Extra headers for a URL, such as the token for the hub's own host. */
  readonly headers: (url: string) => Record<string, string>;
}

const DEFAULT_RETRY: RetryPolicy = {
  maxFailures: 5,
  firstDelayMs: 500,
  maxDelayMs: 16_000,
  maxRetryAfterMs: 60_000,
};

/** Fills in the platform's fetch and clock and the default patience. */
export function httpSettings(given: Partial<HttpSettings> = {}): HttpSettings {
  return {
    fetch: given.fetch ?? ((url, init) => fetch(url, init)),
    clock: given.clock ?? systemClock,
    idleTimeoutMs: given.idleTimeoutMs ?? 30_000,
    retry: given.retry ?? DEFAULT_RETRY,
    headers: given.headers ?? (() => ({})),
  };
}
