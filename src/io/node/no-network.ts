import { Socket as DatagramSocket } from "node:dgram";
import dns from "node:dns";
import { Server, Socket } from "node:net";
import { MiniCpmError } from "../../base/errors.ts";

/** Something tried to reach the network where nothing may. */
export class NetworkForbiddenError extends MiniCpmError {
  constructor(attempts: readonly string[], options?: ErrorOptions) {
    super(
      "E_NETWORK_FORBIDDEN",
      `Nothing may leave this machine here, and this was tried: ${attempts.join("; ")}.`,
      "Find the call by the stack of the cause.",
      options,
    );
  }
}

/**
 * Runs `body` with every way to the network refused in this thread: fetch, WebSocket, TCP and TLS sockets, datagrams, name look-ups, listening.
 * Throws NetworkForbiddenError when any was tried, even if the caller caught the refusal. Worker threads and child processes are not covered.
 */
export async function assertNoNetwork<T>(body: () => Promise<T>): Promise<T> {
  const attempts: NetworkForbiddenError[] = [];
  const tried: string[] = [];
  // A function declaration, not an arrow: some of these are called with `new`.
  const refuse = (what: string) =>
    function refused(): never {
      tried.push(what);
      const error = new NetworkForbiddenError([what]);
      attempts.push(error);
      throw error;
    };
  const restores = DOORS.map(({ owner, name }) => {
    const before = Object.getOwnPropertyDescriptor(owner, name);
    // Inherited or absent ones are shadowed, and uncovered by deletion.
    Object.defineProperty(owner, name, { value: refuse(name), configurable: true, writable: true });
    return () => (before ? Object.defineProperty(owner, name, before) : Reflect.deleteProperty(owner, name));
  });
  try {
    const result = await body();
    if (attempts.length > 0) throw new NetworkForbiddenError(tried, { cause: attempts[0] });
    return result;
  } finally {
    for (const restore of restores) restore();
  }
}

interface Door {
  readonly owner: object;
  readonly name: string;
}

const DOORS: readonly Door[] = [
  ...["fetch", "WebSocket", "EventSource", "XMLHttpRequest"].map((name) => ({ owner: globalThis, name })),
  // http, https, http2, tls and undici all end in this one.
  { owner: Socket.prototype, name: "connect" },
  { owner: Server.prototype, name: "listen" },
  ...["send", "connect", "bind"].map((name) => ({ owner: DatagramSocket.prototype, name })),
  ...["lookup", "resolve", "resolve4", "resolve6"].flatMap((name) => [
    { owner: dns, name },
    { owner: dns.promises, name },
  ]),
];
