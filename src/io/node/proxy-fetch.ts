import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest, type RequestOptions } from "node:https";
import type { Socket } from "node:net";
import { Readable } from "node:stream";
import { connect as tlsConnect } from "node:tls";
import { ArgumentError } from "../../base/errors.ts";
import { HttpError, ServerReplyError, withoutSecrets } from "../errors.ts";
import type { FetchInit, FetchLike } from "../http/settings.ts";
import type { Environment } from "./hub-environment.ts";

const MAX_REDIRECTS = 10;
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** A fetch that goes through HTTPS_PROXY, HTTP_PROXY or ALL_PROXY and heeds NO_PROXY; undefined when none is set. Node's own fetch knows them only from 24 on. */
export function proxyFetch(env: Environment): FetchLike | undefined {
  const read = (name: string): string | undefined => env[name.toLowerCase()] || env[name] || undefined;
  const all = read("ALL_PROXY");
  const proxies = { "https:": parseProxy(read("HTTPS_PROXY") ?? all), "http:": parseProxy(read("HTTP_PROXY") ?? all) };
  if (!proxies["https:"] && !proxies["http:"]) return undefined;
  const isDirect = noProxy(read("NO_PROXY") ?? "");
  const tunnels = proxies["https:"] ? new TunnelAgent(proxies["https:"]) : undefined;
  const agents: Agents = { tunnels, plain: new HttpAgent({ keepAlive: true }), proxy: proxies["http:"], isDirect };
  return (url, init) => follow(agents, url, init);
}

interface Agents {
  readonly tunnels: HttpsAgent | undefined;
  readonly plain: HttpAgent;
  readonly proxy: URL | undefined;
  readonly isDirect: (url: URL) => boolean;
}

async function follow(agents: Agents, start: string, init: FetchInit): Promise<Response> {
  let url = new URL(start);
  let headers = init.headers;
  for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
    const reply = await send(agents, url, { ...init, headers });
    const status = reply.statusCode ?? 0;
    const location = reply.headers.location;
    if (!REDIRECTS.has(status) || location === undefined) return toResponse(reply, status);
    reply.resume();
    const next = new URL(location, url);
    if (next.protocol !== "https:" && next.protocol !== "http:") {
      throw new ServerReplyError(url.href, `it redirects to ${next.protocol} addresses`);
    }
    // As fetch does: a token is for the host it was given for.
    if (next.origin !== url.origin) headers = withoutAuthorization(headers);
    url = next;
  }
  throw new ServerReplyError(start, `more than ${MAX_REDIRECTS} redirects`);
}

function withoutAuthorization(headers: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => name.toLowerCase() !== "authorization"));
}

function send(agents: Agents, url: URL, init: FetchInit): Promise<IncomingMessage> {
  const { method, headers, signal } = init;
  const isDirect = agents.isDirect(url);
  return new Promise((resolve, reject) => {
    const begin = (): ReturnType<typeof httpRequest> => {
      if (url.protocol === "https:") {
        const agent = isDirect ? undefined : agents.tunnels;
        return httpsRequest(url, { method, headers, signal, agent });
      }
      const { proxy } = agents;
      if (isDirect || !proxy) return httpRequest(url, { method, headers, signal, agent: agents.plain });
      // Plain http is not tunnelled: the proxy is asked for the whole address.
      const all = { ...headers, host: url.host, ...authorisation(proxy) };
      const { hostname, port } = proxy;
      return httpRequest({
        hostname,
        port: port || 80,
        path: url.href,
        method,
        headers: all,
        signal,
        agent: agents.plain,
      });
    };
    begin().on("response", resolve).on("error", reject).end();
  });
}

function toResponse(reply: IncomingMessage, status: number): Response {
  const headers = new Headers();
  for (const [name, value] of Object.entries(reply.headers)) {
    for (const one of Array.isArray(value) ? value : [value ?? ""]) headers.append(name, one);
  }
  const hasBody = status !== 204 && status !== 304 && status >= 200;
  const body = hasBody ? (Readable.toWeb(reply) as ReadableStream<Uint8Array<ArrayBuffer>>) : null;
  if (!hasBody) reply.resume();
  return new Response(body, { status, headers });
}

/** Keeps TLS connections that run through CONNECT tunnels of one proxy. */
class TunnelAgent extends HttpsAgent {
  readonly #proxy: URL;

  constructor(proxy: URL) {
    super({ keepAlive: true });
    this.#proxy = proxy;
  }

  override createConnection(options: RequestOptions, done?: (error: Error | null, socket: Socket) => void): undefined {
    const target = `${options.host}:${options.port ?? 443}`;
    openTunnel(this.#proxy, target).then(
      (socket) => {
        const secure = tlsConnect({ socket, servername: options.servername || options.host || "" });
        secure.once("error", socket.destroy.bind(socket));
        done?.(null, secure);
      },
      // The declared type asks for a socket even with an error; the agent never looks at it then.
      (error: Error) => Reflect.apply(done ?? (() => undefined), undefined, [error]),
    );
  }
}

function openTunnel(proxy: URL, target: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const begin = proxy.protocol === "https:" ? httpsRequest : httpRequest;
    const port = proxy.port || (proxy.protocol === "https:" ? 443 : 80);
    const headers = { host: target, ...authorisation(proxy) };
    begin({ hostname: proxy.hostname, port, method: "CONNECT", path: target, headers, agent: false })
      .on("connect", (reply, socket) => {
        if (reply.statusCode === 200) return resolve(socket);
        socket.destroy();
        reject(new HttpError(withoutSecrets(proxy.href), reply.statusCode ?? 0));
      })
      // A proxy that answers CONNECT like a web server is not one.
      .on("response", (reply) => reject(new HttpError(withoutSecrets(proxy.href), reply.statusCode ?? 0)))
      .on("error", reject)
      .end();
  });
}

function authorisation(proxy: URL): Record<string, string> {
  if (proxy.username === "") return {};
  const pair = `${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`;
  return { "proxy-authorization": `Basic ${Buffer.from(pair).toString("base64")}` };
}

function parseProxy(text: string | undefined): URL | undefined {
  if (text === undefined) return undefined;
  const address = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`;
  if (!URL.canParse(address) || !/^https?:/i.test(address)) {
    const hint = "Use http://host:port; SOCKS proxies are not supported.";
    throw new ArgumentError(`The proxy "${withoutSecrets(address)}" cannot be used.`, hint);
  }
  return new URL(address);
}

/** NO_PROXY: hosts and domains separated by commas, with an optional port; "*" is everything. */
function noProxy(list: string): (url: URL) => boolean {
  const entries = list
    .toLowerCase()
    .split(/[\s,]+/)
    .filter(Boolean);
  return ({ hostname, host }) =>
    entries.some((entry) => {
      if (entry === "*") return true;
      const domain = entry.replace(/^\*?\./, "");
      return host === domain || hostname === domain || hostname.endsWith(`.${domain}`);
    });
}
