import { IncomingMessage } from "node:http";
import { Socket } from "node:net";
import { expect, test } from "vitest";
import { fetchPicture, type RemoteAccess } from "./remote-picture.ts";

interface Reply {
  readonly status?: number;
  readonly location?: string;
  readonly bytes?: number;
}

/** A network of names, addresses and answers; notes what was connected to. */
function network(replies: Record<string, Reply>, names: Record<string, string[]> = {}) {
  const connections: string[] = [];
  const access: RemoteAccess = {
    maxBytes: 1000,
    timeoutMs: 1000,
    resolve: async (host) => names[host] ?? ["93.184.215.14"],
    request: async (url, address, signal) => {
      signal.throwIfAborted();
      connections.push(`${url.hostname} ${address}`);
      const { status = 200, location, bytes = 10 } = replies[url.href] ?? { status: 404 };
      const message = new IncomingMessage(new Socket());
      message.statusCode = status;
      if (location !== undefined) message.headers.location = location;
      message.push(new Uint8Array(bytes));
      message.push(null);
      return message;
    },
  };
  const fetch = (url: string) =>
    fetchPicture(new URL(url), access, { param: "p", signal: new AbortController().signal });
  return { fetch, connections };
}

// catches a fetcher that cannot fetch, and one that leaves the check to a second resolution of the name
test("a public picture is fetched from the address that was checked, through redirects", async () => {
  const { fetch, connections } = network(
    { "https://a.example/x": { status: 302, location: "//b.example/y" }, "https://b.example/y": {} },
    { "b.example": ["8.8.4.4"] },
  );
  expect((await fetch("https://a.example/x")).length).toBe(10);
  expect(connections).toEqual(["a.example 93.184.215.14", "b.example 8.8.4.4"]);
});

// catches requests forged through addresses, names, redirects and mixed answers of a name server
test.each([
  "https://127.0.0.1/",
  "https://2130706433/",
  "https://0x7f.1/",
  "https://[::1]/",
  "https://[::ffff:10.0.0.1]/",
  "https://internal.example/",
  "https://mixed.example/",
  "https://redirect.example/",
])("%s is refused before anything private is connected to", async (url) => {
  const { fetch, connections } = network(
    { "https://redirect.example/": { status: 307, location: "https://internal.example/" } },
    { "internal.example": ["169.254.169.254"], "mixed.example": ["8.8.8.8", "10.0.0.1"] },
  );
  await expect(fetch(url)).rejects.toMatchObject({ details: { code: "forbidden_image_url" } });
  expect(connections.filter((line) => !line.startsWith("redirect"))).toEqual([]);
});

// catches a downgrade to plain http by redirect
test("a redirect to http is refused", async () => {
  const { fetch } = network({ "https://a.example/": { status: 301, location: "http://a.example/" } });
  await expect(fetch("https://a.example/")).rejects.toMatchObject({ details: { code: "invalid_image_url" } });
});

// catches endless redirects and answers that fill the memory
test("redirect loops and large answers end", async () => {
  const { fetch } = network({
    "https://loop.example/": { status: 302, location: "/" },
    "https://large.example/": { bytes: 1001 },
  });
  await expect(fetch("https://loop.example/")).rejects.toThrow("redirects too often");
  await expect(fetch("https://large.example/")).rejects.toMatchObject({ details: { code: "image_too_large" } });
});
