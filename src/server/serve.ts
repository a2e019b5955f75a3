import type { AddressInfo } from "node:net";
import { createAdaptorServer, type ServerType } from "@hono/node-server";
import { createApp, type ServerApp } from "./app.ts";
import type { ChatEngine } from "./engine.ts";
import { ServerStartError } from "./errors.ts";
import { DEFAULT_SETTINGS, type ServerSettings } from "./settings.ts";

export interface ServeOptions {
  /** Loopback unless told otherwise. */
  readonly host?: string;
  /** 0 takes any free port. */
  readonly port?: number;
  readonly settings?: Partial<ServerSettings>;
  /** Loads the model while /health answers 503. Give back what it holds after `stop`. */
  readonly load: () => Promise<ChatEngine>;
  readonly log?: (message: string) => void;
}

export interface RunningServer extends AsyncDisposable {
  readonly url: string;
  /** Settles when the model is loaded; rejects where it cannot be. */
  readonly ready: Promise<ChatEngine>;
  /** Stops taking requests, lets answers finish within the grace, then ends them with a word to each, and closes. */
  stop(): Promise<void>;
}

const DEFAULT_HOST = "127.0.0.1";
const DEFAULT_PORT = 8080;
const SWEEP_MS = 50;
const LAST_WORD_MS = 2000;
/** An idle connection stays open longer than clients and proxies (60 s) keep theirs: a request into one that closes would be lost. */
const IDLE_MS = 75_000;
const LOOPBACK = /^(localhost|127(\.\d+){3}|::1)$/;

/** Opens the port, then loads the model. Throws ServerStartError where the port cannot be had. */
export async function serve(options: ServeOptions): Promise<RunningServer> {
  const { host = DEFAULT_HOST, port = DEFAULT_PORT, log } = options;
  const settings: ServerSettings = { ...DEFAULT_SETTINGS, ...options.settings };
  // names are guarded where only this machine should call; who opens the port to others knows by what name they call
  const allowedHosts = LOOPBACK.test(host) || settings.allowedHosts?.length ? settings.allowedHosts : undefined;
  let engine: ChatEngine | undefined;
  const app = createApp({
    settings: { ...settings, allowedHosts },
    engine: () => engine,
    ...(log === undefined ? {} : { log }),
  });
  if (!LOOPBACK.test(host) && settings.keys.length === 0) {
    log?.(`Whoever reaches ${host} can use this model and its media root. Set a key with --api-key.`);
  }
  const server = createAdaptorServer({ fetch: app.app.fetch, serverOptions: { keepAliveTimeout: IDLE_MS } });
  const address = await listen(server, { host, port });
  const ready = options.load().then((loaded) => {
    engine = loaded;
    return loaded;
  });
  ready.catch(() => undefined); // whoever awaits `ready` is told; nobody must
  let stopping: Promise<void> | undefined;
  const stop = (): Promise<void> => {
    stopping ??= stopServer(server, app, settings.graceMs);
    return stopping;
  };
  const shownHost = host.includes(":") ? `[${host}]` : host;
  return { url: `http://${shownHost}:${address.port}`, ready, stop, [Symbol.asyncDispose]: stop };
}

function listen(server: ServerType, place: { readonly host: string; readonly port: number }): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    server.once("error", (cause: NodeJS.ErrnoException) => {
      const reason = cause.code === "EADDRINUSE" ? "is in use" : `cannot be opened (${cause.code})`;
      const message = `Port ${place.port} of ${place.host} ${reason}.`;
      reject(new ServerStartError(message, "Choose another with --port or --host.", { cause }));
    });
    server.listen(place.port, place.host, () => {
      const address = server.address();
      if (typeof address === "object" && address !== null) resolve(address);
    });
  });
}

async function stopServer(server: ServerType, app: ServerApp, graceMs: number): Promise<void> {
  app.stopAdmitting();
  const closed = new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
  // a connection that its client keeps alive would hold the server open after its last answer
  const sweep = setInterval(() => {
    if ("closeIdleConnections" in server) server.closeIdleConnections();
  }, SWEEP_MS);
  const end = setTimeout(() => app.endAnswers(), graceMs);
  // who does not even read that his answer has ended is cut off
  const cut = setTimeout(() => {
    if ("closeAllConnections" in server) server.closeAllConnections();
  }, graceMs + LAST_WORD_MS);
  await closed;
  clearInterval(sweep);
  clearTimeout(end);
  clearTimeout(cut);
}
