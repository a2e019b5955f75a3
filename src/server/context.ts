import type { Admission } from "./admission.ts";
import type { ChatEngine } from "./engine.ts";
import { RequestError } from "./errors.ts";
import type { Metrics } from "./metrics.ts";
import type { ServerSettings } from "./settings.ts";

/** What every route works with. */
export interface ServerContext {
  readonly settings: ServerSettings;
  /** The model, once it is loaded. */
  readonly engine: () => ChatEngine | undefined;
  readonly admission: Admission;
  readonly metrics: Metrics;
  /** Fires when answers must end: the grace of a shutdown is over. */
  readonly endSignal: AbortSignal;
  readonly nowMs: () => number;
  /** Writes down what went wrong inside, which clients are not told; what they are told is not written. */
  readonly logFailure: (error: unknown) => void;
}

/** Who asks, and whether he is still there. */
export interface Caller {
  /** Key or address; turns are shared out by it. */
  readonly client: string;
  readonly signal: AbortSignal;
}

/** The loaded model, checked against the name that was asked for. Throws RequestError 503 or 404. */
export function engineFor({ engine }: Pick<ServerContext, "engine">, name: string | undefined): ChatEngine {
  const loaded = engine();
  if (loaded === undefined) {
    throw new RequestError(
      { status: 503, type: "service_unavailable", code: "model_loading", retryAfterSeconds: 2 },
      "The model is still loading.",
      "Try again in a moment; /health says when it is ready.",
    );
  }
  // ollama's clients add a tag
  if (name === undefined || name === loaded.info.id || name === `${loaded.info.id}:latest`) return loaded;
  throw new RequestError(
    { status: 404, type: "not_found_error", code: "model_not_found", param: "model" },
    `The model ${JSON.stringify(name.slice(0, 100))} is not here.`,
    `This server has ${loaded.info.id}.`,
  );
}
