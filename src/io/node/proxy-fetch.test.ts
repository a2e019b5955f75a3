import { createServer, type Server } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { afterEach, expect, test } from "vitest";
import { type FaultServer, startFaultServer } from "../../../test/e2e/hub/fault-server.ts";
import { testHttp } from "../../../test/e2e/hub/test-http.ts";
import { ArgumentError } from "../../base/errors.ts";
import { HttpError, NetworkError } from "../errors.ts";
import { openHttpSource } from "../http/http-source.ts";
import { proxyFetch } from "./proxy-fetch.ts";

const FILE = Uint8Array.from({ length: 3000 }, (_, i) => i % 251);
const servers: (Server | FaultServer)[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

interface TestProxy {
  readonly url: string;
  /** Request lines it saw, with the credentials. */
  readonly seen: string[];
}

/** A proxy that passes plain requests on to `target`, and tunnels whatever host is named to `target`. */
async function startProxy(target: string, refuseStatus?: number): Promise<TestProxy> {
  const seen: string[] = [];
  const server = createServer(async (request, response) => {
    seen.push(`${request.method} ${request.url} ${request.headers["proxy-authorization"] ?? ""}`.trim());
    const reply = await fetch(target + new URL(request.url ?? "").pathname, {
      headers: { range: request.headers.range ?? "bytes=0-" },
    });
    response.writeHead(reply.status, { "content-range": reply.headers.get("content-range") ?? "" });
    response.end(new Uint8Array(await reply.arrayBuffer()));
  });
  server.on("connect", (request, socket) => {
    seen.push(`CONNECT ${request.url}`);
    if (refuseStatus !== undefined) {
      socket.end(`HTTP/1.1 ${refuseStatus} no\r\n\r\n`);
      return;
    }
    const { hostname, port } = new URL(target);
    const upstream = connect(Number(port), hostname, () => {
      socket.write("HTTP/1.1 200 ok\r\n\r\n");
      upstream.pipe(socket).pipe(upstream);
    });
    upstream.on("error", () => socket.destroy());
    socket.on("error", () => upstream.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  servers.push(server);
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen };
}

async function fileServer(): Promise<FaultServer> {
  const server = await startFaultServer({ files: new Map([["/file", FILE]]) });
  servers.push(server);
  return server;
}

test("plain http goes through HTTP_PROXY with its credentials", async () => {
  const proxy = await startProxy((await fileServer()).url);
  const fetch = proxyFetch({ HTTP_PROXY: proxy.url.replace("//", "//me:pa%40ss@") });
  const source = await openHttpSource("http://models.invalid/file", testHttp({ fetch }));
  expect(await source.read(100, 50)).toEqual(FILE.slice(100, 150));
  expect(proxy.seen[0]).toBe(`GET http://models.invalid/file Basic ${btoa("me:pa@ss")}`);
});

// Without CONNECT a proxy would see tokens and answers in the clear, or refuse at all.
test("https asks HTTPS_PROXY for a tunnel and speaks TLS through it", async () => {
  const proxy = await startProxy((await fileServer()).url);
  const fetch = proxyFetch({ https_proxy: proxy.url });
  // What answers at the tunnel's end is no TLS server, so the handshake fails: after the CONNECT.
  await expect(openHttpSource("https://models.invalid/file", testHttp({ fetch }))).rejects.toBeInstanceOf(NetworkError);
  expect(proxy.seen[0]).toBe("CONNECT models.invalid:443");
});

test("a proxy that wants a password is an HttpError that says so", async () => {
  const proxy = await startProxy((await fileServer()).url, 407);
  const fetch = proxyFetch({ HTTPS_PROXY: proxy.url });
  const error = await openHttpSource("https://models.invalid/file", testHttp({ fetch })).catch(
    (caught: unknown) => caught,
  );
  expect(error).toBeInstanceOf(HttpError);
  expect(error).toMatchObject({ status: 407, message: expect.stringContaining("user:password@host") });
});

test("NO_PROXY goes around, by host, domain and port", async () => {
  const server = await fileServer();
  const proxy = await startProxy(server.url);
  for (const NO_PROXY of ["127.0.0.1", "*", `x.org, ${new URL(server.url).host}`]) {
    const fetch = proxyFetch({ HTTP_PROXY: proxy.url, NO_PROXY });
    const source = await openHttpSource(`${server.url}/file`, testHttp({ fetch }));
    expect(source.sizeBytes).toBe(FILE.length);
  }
  expect(proxy.seen).toEqual([]);
});

// The token is for the hub; the storage it redirects to belongs to somebody else.
test("a redirect to another host is followed without the token", async () => {
  const storage = await fileServer();
  const seen: (string | undefined)[] = [];
  const front = createServer((request, response) => {
    seen.push(request.headers.authorization);
    response.writeHead(302, { location: request.url === "/loop" ? "/loop" : `${storage.url}/file` }).end();
  });
  await new Promise<void>((resolve) => front.listen(0, "127.0.0.1", resolve));
  servers.push(front);
  const base = `http://127.0.0.1:${(front.address() as AddressInfo).port}`;
  const fetch = proxyFetch({ HTTP_PROXY: "http://127.0.0.1:9", NO_PROXY: "*" });
  const http = testHttp({ fetch, headers: () => ({ authorization: "Bearer t" }) });
  const source = await openHttpSource(`${base}/start`, {
    ...http,
    headers: (url) => (url.startsWith(base) ? http.headers(url) : {}),
  });
  expect(await source.read(0, 10)).toEqual(FILE.slice(0, 10));
  expect(seen[0]).toBe("Bearer t");
  expect(storage.headersSeen.map(({ authorization }) => authorization)).toEqual([undefined, undefined]);
  await expect(openHttpSource(`${base}/loop`, http)).rejects.toThrow(/redirects/);
});

test("no variable, no proxy; an unusable one is refused", () => {
  expect(proxyFetch({})).toBeUndefined();
  expect(() => proxyFetch({ ALL_PROXY: "socks5://x:1" })).toThrow(ArgumentError);
});
