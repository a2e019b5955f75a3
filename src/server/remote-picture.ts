import { lookup as dnsLookup } from "node:dns/promises";
import type { IncomingMessage } from "node:http";
import { request } from "node:https";
import { isIP } from "node:net";
import { invalid, type RequestError } from "./errors.ts";
import { tooManyBytes } from "./media-root.ts";
import { isPublicAddress } from "./public-address.ts";

/** All addresses of a host name. */
export type ResolveHost = (host: string) => Promise<readonly string[]>;

/** One request without following redirects, to this address and no other, under the URL's own name. */
export type RequestFrom = (url: URL, address: string, signal: AbortSignal) => Promise<IncomingMessage>;

export interface RemoteLimits {
  readonly maxBytes: number;
  readonly timeoutMs: number;
}

export interface RemoteAccess extends RemoteLimits {
  readonly resolve?: ResolveHost;
  readonly request?: RequestFrom;
}

const MAX_REDIRECTS = 3;

/**
 * Fetches an `https:` picture from the public internet. The name is resolved once and the connection goes to an address
 * that was checked, so a second answer of the name server changes nothing; each redirect is checked in the same way.
 * Throws RequestError.
 */
export async function fetchPicture(
  url: URL,
  access: RemoteAccess,
  { param, signal }: { readonly param: string; readonly signal: AbortSignal },
): Promise<Uint8Array> {
  const { resolve = resolveHost, request = requestFrom, maxBytes, timeoutMs } = access;
  const limited = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
  try {
    let place = url;
    for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
      const reply = await request(place, await publicAddress(place, resolve, param), limited);
      const target = redirectOf(reply, place);
      if (target === undefined) return await readReply(reply, maxBytes, param);
      reply.destroy();
      place = target;
    }
    throw unreachableUrl(param, "it redirects too often");
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof Error && "details" in error) throw error;
    throw unreachableUrl(param, limited.aborted ? `it did not arrive within ${timeoutMs} ms` : "the connection failed");
  }
}

async function publicAddress(url: URL, resolve: ResolveHost, param: string): Promise<string> {
  if (url.protocol !== "https:" || url.username !== "" || url.password !== "") {
    throw invalid(param, "Remote pictures need an https: address without a password.", HINT, "invalid_image_url");
  }
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const addresses = isIP(host) === 0 ? await resolve(host) : [host];
  // one bad address among good ones is how names are rebound; none is taken then
  if (addresses.length === 0 || !addresses.every(isPublicAddress)) {
    throw invalid(param, "The picture's host is not on the public internet.", HINT, "forbidden_image_url");
  }
  return addresses[0];
}

const HINT = "Send the picture itself as a data: URL.";

function redirectOf(reply: IncomingMessage, from: URL): URL | undefined {
  const { statusCode = 0, headers } = reply;
  if (statusCode < 300 || statusCode >= 400 || headers.location === undefined) return undefined;
  return new URL(headers.location, from);
}

async function readReply(reply: IncomingMessage, maxBytes: number, param: string): Promise<Uint8Array> {
  const { statusCode } = reply;
  if (statusCode !== 200) {
    reply.destroy();
    throw unreachableUrl(param, `the host answered ${statusCode}`);
  }
  const chunks: Uint8Array[] = [];
  let received = 0;
  for await (const chunk of reply as AsyncIterable<Uint8Array>) {
    received += chunk.length;
    if (received > maxBytes) throw tooManyBytes(param, maxBytes);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function unreachableUrl(param: string, reason: string): RequestError {
  return invalid(param, `The picture could not be fetched: ${reason}.`, HINT, "image_fetch_failed");
}

const resolveHost: ResolveHost = async (host) => (await dnsLookup(host, { all: true })).map(({ address }) => address);

const requestFrom: RequestFrom = (url, address, signal) =>
  new Promise((resolve, reject) => {
    const headers = { accept: "image/*", "user-agent": "minicpmv" };
    // Host and certificate go by the name, the connection by the address that was checked
    const options = { host: address, servername: isIP(url.hostname) === 0 ? url.hostname : "", port: url.port || 443 };
    const path = url.pathname + url.search;
    const outgoing = request({ ...options, path, headers: { ...headers, host: url.host }, signal, agent: false });
    outgoing.on("response", resolve);
    outgoing.on("error", reject);
    outgoing.end();
  });
