import { HttpError, NetworkError } from "../errors.ts";
import type { HttpSettings } from "./settings.ts";

const RETRIABLE_STATUS: ReadonlySet<number> = new Set([408, 425, 429, 500, 502, 503, 504]);

/** True when the same request may succeed later. */
export function isRetriable(error: unknown): boolean {
  if (error instanceof NetworkError) return true;
  return error instanceof HttpError && RETRIABLE_STATUS.has(error.status);
}

/** Counts failures in a row and waits between tries: twice as long each time, or as long as the server asks. */
export class RetryBudget {
  readonly #http: HttpSettings;
  #failures = 0;

  constructor(http: HttpSettings) {
    this.#http = http;
  }

  /** Call when bytes have arrived: a slow line that breaks every minute must still reach the end. */
  progress(): void {
    this.#failures = 0;
  }

  /** Waits before the next try. Throws `error` itself when trying again is useless or the budget is spent. */
  async afterFailure(error: unknown, signal: AbortSignal | undefined): Promise<void> {
    const { retry, clock } = this.#http;
    this.#failures += 1;
    if (!isRetriable(error) || this.#failures >= retry.maxFailures) throw error;
    const asked = error instanceof HttpError ? error.retryAfterMs : undefined;
    if (asked !== undefined && asked > retry.maxRetryAfterMs) throw error;
    const backoffMs = Math.min(retry.firstDelayMs * 2 ** (this.#failures - 1), retry.maxDelayMs);
    await clock.sleep(Math.max(asked ?? 0, backoffMs), signal);
  }
}

/** Runs `attempt` until it succeeds, fails for good, or the budget is spent. */
export async function withRetries<T>(
  http: HttpSettings,
  signal: AbortSignal | undefined,
  attempt: () => Promise<T>,
): Promise<T> {
  const budget = new RetryBudget(http);
  while (true) {
    try {
      return await attempt();
    } catch (error) {
      await budget.afterFailure(error, signal);
    }
  }
}
