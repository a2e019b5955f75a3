import { AbortedError } from "../base/errors.ts";

/** The passing of time, injected so that tests need not wait. */
export interface Clock {
  /** Milliseconds since any fixed moment. */
  nowMs(): number;
  /** Resolves after `durationMs`. Throws AbortedError as soon as `signal` fires. */
  sleep(durationMs: number, signal?: AbortSignal): Promise<void>;
  /** Calls `fire` after `durationMs` unless the returned function is called first. */
  timer(durationMs: number, fire: () => void): () => void;
}

/** The clock of the machine. */
export const systemClock: Clock = {
  nowMs: () => performance.now(),
  sleep: (durationMs, signal) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(new AbortedError("Waiting before another try", { cause: signal.reason }));
      const onAbort = (): void => {
        clearTimeout(handle);
        reject(new AbortedError("Waiting before another try", { cause: signal?.reason }));
      };
      const handle = setTimeout(() => {
        signal?.removeEventListener("abort", onAbort);
        resolve();
      }, durationMs);
      signal?.addEventListener("abort", onAbort, { once: true });
    }),
  timer: (durationMs, fire) => {
    const handle = setTimeout(fire, durationMs);
    return () => clearTimeout(handle);
  },
};
