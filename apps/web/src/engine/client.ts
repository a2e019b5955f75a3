import type { CallName, Calls, Failure, Reply, Request } from "./protocol.ts";

/** A failure of the engine, with a code and a sentence that can be shown. */
export class EngineError extends Error {
  readonly code: string;

  constructor({ code, message }: Failure) {
    super(message);
    this.name = "EngineError";
    this.code = code;
  }
}

export interface CallOptions<C extends CallName> {
  readonly onEvent?: (event: Calls[C]["event"]) => void;
  readonly signal?: AbortSignal;
}

interface Waiting {
  readonly onEvent: ((event: never) => void) | undefined;
  readonly resolve: (result: never) => void;
  readonly reject: (reason: EngineError) => void;
}

/** The engine in its worker. The page's own thread only sends and receives. */
export class EngineClient {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #nextId = 1;

  constructor() {
    this.#worker = new Worker(new URL("./engine-worker.ts", import.meta.url), { type: "module" });
    this.#worker.addEventListener("message", ({ data }: MessageEvent<Reply>) => this.#receive(data));
    this.#worker.addEventListener("error", ({ message }) => this.#fail(message));
  }

  /** Throws EngineError. A signal that fires ends the call with one. */
  call<C extends CallName>(
    call: C,
    input: Calls[C]["input"],
    options: CallOptions<C> = {},
  ): Promise<Calls[C]["result"]> {
    const id = this.#nextId++;
    const { onEvent, signal } = options;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { onEvent, resolve, reject });
      signal?.addEventListener("abort", () => this.#send({ id, abort: true }), { once: true });
      this.#send({ id, call, input });
    });
  }

  dispose(): void {
    this.#worker.terminate();
  }

  #send(request: Request): void {
    this.#worker.postMessage(request);
  }

  #receive(reply: Reply): void {
    const waiting = this.#waiting.get(reply.id);
    if (waiting === undefined) return;
    if ("event" in reply) {
      waiting.onEvent?.(reply.event as never); // typed at both ends by Calls
      return;
    }
    this.#waiting.delete(reply.id);
    if ("failure" in reply) waiting.reject(new EngineError(reply.failure));
    else waiting.resolve(reply.result as never);
  }

  #fail(message: string): void {
    const failure = { code: "E_WORKER", message: `The engine has stopped: ${message} Reload the page.` };
    for (const { reject } of this.#waiting.values()) reject(new EngineError(failure));
    this.#waiting.clear();
  }
}
