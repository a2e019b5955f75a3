import { RequestError } from "./errors.ts";

export interface AdmissionOptions {
  /** Answers at work at once; known for sure when the model is loaded. */
  readonly active: () => number;
  /** Requests that may wait. */
  readonly waiting: number;
}

interface Waiter {
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
  readonly signal: AbortSignal;
  readonly onAbort: () => void;
}

const FIRST_GUESS_MS = 5000;
const SMOOTHING = 0.2;
const MAX_RETRY_SECONDS = 120;

/**
 * Lets a bounded number of answers run and a bounded number wait. Clients take turns, so one with a hundred requests
 * does not keep another waiting for all of them.
 */
export class Admission {
  readonly #options: AdmissionOptions;
  readonly #nowMs: () => number;
  /** Waiting requests by client, in the order in which clients are served next. */
  readonly #queues = new Map<string, Waiter[]>();
  #active = 0;
  #waiting = 0;
  #averageMs = FIRST_GUESS_MS;
  #closedBy: RequestError | undefined;

  constructor(options: AdmissionOptions, nowMs: () => number) {
    this.#options = options;
    this.#nowMs = nowMs;
  }

  get activeCount(): number {
    return this.#active;
  }

  get waitingCount(): number {
    return this.#waiting;
  }

  /** Waits for a turn; dispose what it gives when the answer ends. Throws RequestError 429 or 503, or the abort reason. */
  async enter(client: string, signal: AbortSignal): Promise<Disposable> {
    if (this.#closedBy !== undefined) throw this.#closedBy;
    signal.throwIfAborted();
    if (this.#active < this.#options.active()) this.#active += 1;
    else await this.#wait(client, signal);
    const startedMs = this.#nowMs();
    let isOpen = true;
    return {
      [Symbol.dispose]: () => {
        if (!isOpen) return;
        isOpen = false;
        this.#averageMs += SMOOTHING * (this.#nowMs() - startedMs - this.#averageMs);
        this.#leave();
      },
    };
  }

  /** Refuses everyone who waits and who comes later. */
  close(): void {
    this.#closedBy = new RequestError(
      { status: 503, type: "service_unavailable", code: "server_shutting_down", retryAfterSeconds: 10 },
      "The server is shutting down.",
      "Send the request again when it is back.",
    );
    for (const waiter of [...this.#queues.values()].flat()) {
      waiter.signal.removeEventListener("abort", waiter.onAbort);
      waiter.reject(this.#closedBy);
    }
    this.#queues.clear();
    this.#waiting = 0;
  }

  #wait(client: string, signal: AbortSignal): Promise<void> {
    if (this.#waiting >= this.#options.waiting) throw this.#full();
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        this.#drop(client, waiter);
        reject(signal.reason);
      };
      const waiter: Waiter = { resolve, reject, signal, onAbort };
      signal.addEventListener("abort", onAbort, { once: true });
      const queue = this.#queues.get(client);
      if (queue === undefined) this.#queues.set(client, [waiter]);
      else queue.push(waiter);
      this.#waiting += 1;
    });
  }

  #leave(): void {
    const next = this.#queues.entries().next();
    if (next.done) {
      this.#active -= 1;
      return;
    }
    // the place passes on without becoming free: nobody who comes meanwhile can overtake
    const [client, queue] = next.value;
    const waiter = queue.shift();
    this.#queues.delete(client);
    if (queue.length > 0) this.#queues.set(client, queue); // behind the other clients
    if (waiter === undefined) return;
    this.#waiting -= 1;
    waiter.signal.removeEventListener("abort", waiter.onAbort);
    waiter.resolve();
  }

  #drop(client: string, waiter: Waiter): void {
    const queue = this.#queues.get(client);
    const at = queue?.indexOf(waiter) ?? -1;
    if (queue === undefined || at < 0) return;
    queue.splice(at, 1);
    if (queue.length === 0) this.#queues.delete(client);
    this.#waiting -= 1;
  }

  #full(): RequestError {
    const ms = (this.#averageMs * (this.#waiting + 1)) / this.#options.active();
    const retryAfterSeconds = Math.min(MAX_RETRY_SECONDS, Math.max(1, Math.ceil(ms / 1000)));
    return new RequestError(
      { status: 429, type: "rate_limit_error", code: "queue_full", retryAfterSeconds },
      `${this.#active} answers are being written and ${this.#waiting} requests wait, which is all this server takes.`,
      `Try again in ${retryAfterSeconds} s.`,
    );
  }
}
