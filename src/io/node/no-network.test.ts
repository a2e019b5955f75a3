import { createSocket } from "node:dgram";
import dns from "node:dns";
import { get } from "node:http";
import { connect, createServer } from "node:net";
import { expect, test } from "vitest";
import { noNamespaceReason, runWithoutNetwork } from "../../../test/e2e/hub/network-namespace.ts";
import { assertNoNetwork, NetworkForbiddenError } from "./no-network.ts";

// A guard with a hole proves nothing about what leaves the machine: each door is tried, over addresses nobody answers.
test.each<[string, () => unknown]>([
  ["fetch", () => fetch("http://127.0.0.1:9/")],
  ["http", () => get("http://127.0.0.1:9/")],
  ["net", () => connect(9, "127.0.0.1")],
  ["dns", () => dns.lookup("localhost", () => undefined)],
  ["dns promises", () => dns.promises.lookup("localhost")],
  ["udp", () => createSocket("udp4").send("x", 9, "127.0.0.1")],
  ["listen", () => createServer().listen(0)],
  ["WebSocket", () => new WebSocket("ws://127.0.0.1:9/")],
])("%s is refused", async (_name, attempt) => {
  await expect(assertNoNetwork(async () => attempt())).rejects.toBeInstanceOf(NetworkForbiddenError);
});

// Code that catches the refusal and goes on must still fail the test.
test("a swallowed attempt is reported", async () => {
  const swallow = async (): Promise<string> => {
    await fetch("http://127.0.0.1:9/").catch(() => undefined);
    return "fine";
  };
  const caught = async (): Promise<string> => {
    try {
      return await swallow();
    } catch {
      return "hidden";
    }
  };
  await expect(assertNoNetwork(caught)).rejects.toThrow(/fetch/);
});

test("afterwards everything is as before, also after a failure", async () => {
  const before = [globalThis.fetch, dns.lookup];
  expect(await assertNoNetwork(async () => 7)).toBe(7);
  await expect(assertNoNetwork(() => Promise.reject(new RangeError("own")))).rejects.toThrow("own");
  expect([globalThis.fetch, dns.lookup]).toEqual(before);
  const socket = createSocket("udp4");
  await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
  socket.close();
});

const reason = noNamespaceReason();

// Worker threads have their own globals, so the guard above does not reach them: this one must.
test.skipIf(reason !== undefined)(
  `a process without a network cannot connect from a worker either${reason ? ` (${reason})` : ""}`,
  async () => {
    const inWorker = `
    const { parentPort } = require("node:worker_threads");
    fetch("http://127.0.0.1:20123/").catch(({ cause }) => parentPort.postMessage(cause.code ?? String(cause)));`;
    const script = `
    const { Worker } = require("node:worker_threads");
    const interfaces = Object.keys(require("node:os").networkInterfaces());
    new Worker(${JSON.stringify(inWorker)}, { eval: true }).on("message", (code) => console.log(JSON.stringify({ interfaces, code })));`;
    // Not one of the ports that fetch refuses by itself: that would prove nothing.
    const { stdout, stderr } = await runWithoutNetwork(["-e", script]);
    expect(JSON.parse(stdout || "null"), stderr).toEqual({ interfaces: [], code: "ENETUNREACH" });
  },
);
