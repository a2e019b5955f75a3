import { Hono } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { Admission } from "./admission.ts";
import type { ServerBindings } from "./caller.ts";
import type { ServerContext } from "./context.ts";
import type { ChatEngine } from "./engine.ts";
import { type ErrorReply, errorReply } from "./error-reply.ts";
import { RequestError } from "./errors.ts";
import { guard } from "./guard.ts";
import { Metrics } from "./metrics.ts";
import { addOllamaRoutes } from "./ollama/ollama-routes.ts";
import { addCompletionRoutes } from "./openai/completion-routes.ts";
import { addInfoRoutes } from "./openai/info-routes.ts";
import { DEFAULT_SETTINGS, type ServerSettings } from "./settings.ts";

export interface AppOptions {
  readonly settings?: Partial<ServerSettings>;
  readonly engine: () => ChatEngine | undefined;
  readonly nowMs?: () => number;
  readonly log?: (message: string) => void;
}

/** The application without a port, and the two steps of ending it. */
export interface ServerApp {
  readonly app: Hono<ServerBindings>;
  readonly metrics: Metrics;
  readonly admission: Admission;
  /** Refuses what waits and what comes. */
  stopAdmitting(): void;
  /** Ends the answers that are being written; each stream is told. */
  endAnswers(): void;
}

/** Builds the routes over an engine. It holds no port, so tests can call it directly. */
export function createApp(options: AppOptions): ServerApp {
  const settings: ServerSettings = { ...DEFAULT_SETTINGS, ...options.settings };
  const nowMs = options.nowMs ?? Date.now;
  const log = options.log ?? (() => undefined);
  const admission = new Admission(
    { active: () => options.engine()?.info.parallelCount ?? 1, waiting: settings.queueLength },
    nowMs,
  );
  const metrics = new Metrics([
    { name: "minicpmv_active_requests", help: "Answers being written.", read: () => admission.activeCount },
    { name: "minicpmv_waiting_requests", help: "Requests in the queue.", read: () => admission.waitingCount },
    {
      name: "minicpmv_picture_cache_bytes",
      help: "Encoded pictures that are kept.",
      read: () => options.engine()?.pictureCache?.().bytes ?? 0,
    },
    {
      name: "minicpmv_picture_cache_limit_bytes",
      help: "Encoded pictures that may be kept.",
      read: () => options.engine()?.pictureCache?.().mostBytes ?? 0,
    },
    { name: "process_resident_memory_bytes", help: "Resident memory.", read: () => process.memoryUsage.rss() },
  ]);
  const end = new AbortController();
  const logFailure = (error: unknown): void => {
    if (errorReply(error).isInternal) log(error instanceof Error ? (error.stack ?? error.message) : String(error));
  };
  const context: ServerContext = {
    settings,
    engine: options.engine,
    admission,
    metrics,
    endSignal: end.signal,
    nowMs,
    logFailure,
  };
  const app = new Hono<ServerBindings>();
  app.use(async (c, next) => {
    await next();
    metrics.add("minicpmv_requests_total", 1, { route: c.req.routePath, status: String(c.res.status) });
  });
  app.use(guard(settings));
  addInfoRoutes(app, context);
  addCompletionRoutes(app, context);
  addOllamaRoutes(app, context);
  app.notFound((c) => toResponse(errorReply(noRoute(c.req.method, c.req.path)), c.req.path));
  app.onError((error, c) => {
    logFailure(error);
    return toResponse(errorReply(error), c.req.path);
  });
  return { app, metrics, admission, stopAdmitting: () => admission.close(), endAnswers: () => end.abort() };
}

/** ollama's clients read the message from `error` itself. */
function toResponse({ status, body, headers }: ErrorReply, path: string): Response {
  const shown = path.startsWith("/api/") ? { error: body.error.message, code: body.error.code } : body;
  return Response.json(shown, { status: status as ContentfulStatusCode, headers });
}

function noRoute(method: string, path: string): RequestError {
  return new RequestError(
    { status: 404, type: "not_found_error", code: "route_not_found" },
    `There is no ${method} ${path.slice(0, 100)}.`,
    "See /openapi.json for what there is.",
  );
}
