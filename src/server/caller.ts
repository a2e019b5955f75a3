import type { Context } from "hono";
import type { Caller } from "./context.ts";

/** What the Node adapter hands over with a request; a test may leave it out. */
export interface ServerBindings {
  readonly Bindings: {
    readonly incoming?: { readonly socket: { readonly remoteAddress?: string | undefined } };
  };
}

/** Who sent a request: its key where it has one, else its address. */
export function callerOf(c: Context<ServerBindings>): Caller {
  const key = c.req.header("authorization");
  return { client: key ?? c.env?.incoming?.socket.remoteAddress ?? "", signal: c.req.raw.signal };
}
