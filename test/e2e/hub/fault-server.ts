import { createServer, type IncomingMessage, type ServerResponse } from "node:http";

/** What the server does wrong with one request. `at` is the share of the body, 0 to 1, after which it happens. */
export type Fault =
  | { readonly kind: "none" }
  | { readonly kind: "drop" | "stall" | "wrong byte"; readonly at: number }
  | { readonly kind: "status"; readonly status: number; readonly retryAfter?: string }
  | { readonly kind: "ignore range" | "wrong range" | "longer total" | "shorter total" | "short body" | "not HTTP" };

export interface FaultServer {
  /** Without a slash at the end. */
  readonly url: string;
  /** "METHOD path range" of each request so far. */
  readonly requests: string[];
  readonly headersSeen: IncomingMessage["headers"][];
  /** Called with the file bytes sent in total, after each piece. */
  onSent: ((bytes: number) => void) | undefined;
  close(): Promise<void>;
}

export interface FaultServerOptions {
  /** Address with its query → content. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  readonly faults?: (requestIndex: number, path: string) => Fault;
  readonly headersFor?: (path: string) => Record<string, string>;
}

const PIECE_BYTES = 4096;

/** A file server on this machine's loopback that knows ranges and misbehaves on demand. */
export async function startFaultServer(options: FaultServerOptions): Promise<FaultServer> {
  const requests: string[] = [];
  const headersSeen: IncomingMessage["headers"][] = [];
  let sentBytes = 0;
  const server = createServer((request, response) => {
    const path = request.url ?? "";
    requests.push(`${request.method} ${path} ${request.headers.range ?? ""}`.trim());
    headersSeen.push(request.headers);
    const fault = options.faults?.(requests.length - 1, path) ?? { kind: "none" };
    const body = options.files.get(path);
    for (const [name, value] of Object.entries(options.headersFor?.(path) ?? {})) response.setHeader(name, value);
    if (body) {
      answer(request, response, body, fault, (bytes) => {
        sentBytes += bytes;
        result.onSent?.(sentBytes);
      });
    } else response.writeHead(404).end("not here");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" && address ? address.port : 0;
  const result: FaultServer = {
    url: `http://127.0.0.1:${port}`,
    requests,
    headersSeen,
    onSent: undefined,
    close: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
  return result;
}

type OnSent = (bytes: number) => void;

function answer(
  request: IncomingMessage,
  response: ServerResponse,
  body: Uint8Array,
  fault: Fault,
  onSent: OnSent,
): void {
  if (fault.kind === "status") {
    if (fault.retryAfter !== undefined) response.setHeader("retry-after", fault.retryAfter);
    if (fault.status === 416) response.setHeader("content-range", `bytes */${body.length}`);
    response.writeHead(fault.status).end(`fault ${fault.status}`);
    return;
  }
  if (fault.kind === "not HTTP") {
    request.socket.end("SSH-2.0-surprise\r\n\r\n");
    return;
  }
  const range = fault.kind === "ignore range" ? undefined : parseRange(request.headers.range, body.length);
  if (range === "outside") {
    response.writeHead(416, { "content-range": `bytes */${body.length}` }).end();
    return;
  }
  const [first, last] = range ?? [0, body.length - 1];
  const part = body.slice(first, last + 1);
  const total = body.length + (fault.kind === "longer total" ? 1000 : fault.kind === "shorter total" ? -1 : 0);
  const length =
    fault.kind === "short body" ? part.length + 100 : range ? part.length : part.length + total - body.length;
  const shift = fault.kind === "wrong range" ? 1 : 0;
  response.writeHead(range ? 206 : 200, {
    "content-length": String(length),
    "accept-ranges": "bytes",
    ...(range ? { "content-range": `bytes ${first + shift}-${last + shift}/${total}` } : {}),
  });
  if (request.method === "HEAD") response.end();
  else sendBody(response, part, fault, onSent);
}

function sendBody(response: ServerResponse, part: Uint8Array, fault: Fault, onSent: OnSent): void {
  const stopAt = fault.kind === "drop" || fault.kind === "stall" ? Math.floor(part.length * fault.at) : part.length;
  if (fault.kind === "wrong byte" && part.length > 0) part[Math.floor((part.length - 1) * fault.at)] ^= 0xff;
  let sent = 0;
  const next = (): void => {
    if (response.destroyed) return;
    if (sent < stopAt) {
      const piece = part.subarray(sent, Math.min(stopAt, sent + PIECE_BYTES));
      sent += piece.length;
      response.write(piece, () => {
        onSent(piece.length);
        setImmediate(next);
      });
    } else if (fault.kind === "drop" || fault.kind === "short body") response.destroy();
    else if (fault.kind !== "stall") response.end();
  };
  // Headers leave at once even when no body follows.
  response.flushHeaders();
  next();
}

function parseRange(header: string | undefined, size: number): [number, number] | "outside" | undefined {
  const match = /^bytes=(\d+)-(\d*)$/.exec(header ?? "");
  if (!match) return undefined;
  const first = Number(match[1]);
  const last = match[2] === "" ? size - 1 : Math.min(Number(match[2]), size - 1);
  return first < size && first <= last ? [first, last] : "outside";
}
