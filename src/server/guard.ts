import { createHash, timingSafeEqual } from "node:crypto";
import type { MiddlewareHandler } from "hono";
import { RequestError } from "./errors.ts";
import type { ServerSettings } from "./settings.ts";

/** Paths that need no key: whoever watches a server must not need one to see that it lives. */
const OPEN_PATHS: ReadonlySet<string> = new Set(["/health"]);

const LOOPBACK_HOSTS: readonly string[] = ["localhost", "127.0.0.1", "[::1]"];

/** Refuses foreign pages, rebound names and wrong keys, in this order. */
export function guard(settings: Pick<ServerSettings, "keys" | "allowedOrigins" | "allowedHosts">): MiddlewareHandler {
  const keyDigests = settings.keys.map(digestOf);
  return async (c, next) => {
    const origin = c.req.header("origin");
    if (origin !== undefined) {
      if (!settings.allowedOrigins.includes(origin)) throw foreignOrigin();
      c.header("access-control-allow-origin", origin);
      c.header("vary", "origin");
      c.header("access-control-allow-headers", "authorization, content-type");
      c.header("access-control-allow-methods", "GET, POST");
      if (c.req.method === "OPTIONS") return c.body(null, 204);
    }
    if (!isAllowedHost(c.req.header("host"), settings.allowedHosts)) throw foreignHost();
    if (keyDigests.length > 0 && !OPEN_PATHS.has(c.req.path)) checkKey(c.req.header("authorization"), keyDigests);
    return next();
  };
}

function isAllowedHost(host: string | undefined, allowed: readonly string[] | undefined): boolean {
  if (allowed === undefined) return true;
  const name = host?.replace(/:\d+$/, "").toLowerCase();
  return name !== undefined && (LOOPBACK_HOSTS.includes(name) || allowed.includes(name));
}

/** Compares digests of equal length, each of them, so that the time tells neither the key nor which one came close. */
function checkKey(header: string | undefined, keyDigests: readonly Uint8Array[]): void {
  const given = digestOf(/^Bearer (.+)$/i.exec(header ?? "")?.[1] ?? "");
  let isKnown = false;
  for (const digest of keyDigests) isKnown = timingSafeEqual(digest, given) || isKnown;
  if (isKnown) return;
  const details = { status: 401, type: "authentication_error", code: "invalid_api_key" } as const;
  const message = header === undefined ? "No key was sent." : "The key is not one of this server's.";
  throw new RequestError(details, message, "Send the header Authorization: Bearer KEY.");
}

function digestOf(key: string): Uint8Array {
  return createHash("sha256").update(key).digest();
}

function foreignOrigin(): RequestError {
  return new RequestError(
    { status: 403, type: "permission_error", code: "origin_not_allowed" },
    "Pages of this origin may not call the server.",
    "Start it with --allow-origin ORIGIN to let them.",
  );
}

function foreignHost(): RequestError {
  return new RequestError(
    { status: 403, type: "permission_error", code: "host_not_allowed" },
    "The server was called by a name that it does not know.",
    "Call it as localhost, or start it with --allow-host NAME.",
  );
}
