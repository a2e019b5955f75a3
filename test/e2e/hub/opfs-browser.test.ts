import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { type BrowserContext, chromium } from "playwright";
import { expect, test } from "vitest";
import { CHROMIUM_ARGUMENTS, findChromium } from "../../browser/harness/chromium.ts";
import { fakeGguf, sha256 } from "./fake-hub.ts";
import { type FaultServer, startFaultServer } from "./fault-server.ts";

const FILES = [
  { path: "tiny-Q4_K_M.gguf", bytes: fakeGguf("qwen", 12_000_000) },
  { path: "eyes.gguf", bytes: fakeGguf("clip", 300_000) },
];
const TYPES: Record<string, string> = { "/": "text/html", "/worker.js": "text/javascript" };
const browser = findChromium();
const missing = "missing" in browser ? browser.missing : undefined;

// A browser keeps and loses bytes in its own way when it is closed: a stand-in for its file system cannot show that.
test.skipIf(missing !== undefined)(
  `a pull into Chromium's private file system survives the browser being closed${missing ? ` (${missing})` : ""}`,
  async () => {
    const server = await serveModel();
    const profile = await mkdtemp(join(tmpdir(), "minicpmv-opfs-"));
    try {
      await closeInTheMiddle(server, profile);
      const before = server.requests.length;
      const context = await launch(profile);
      const result = await startPull(server, context);
      await context.close();
      expect(result).toMatchObject({ value: { sha256: sha256(FILES[0].bytes), projector: "eyes.gguf" } });
      const resumed = server.requests.slice(before).filter((line) => /Q4_K_M\.gguf bytes=[1-9]\d*-/.test(line));
      expect(resumed, "the second run began anew").toHaveLength(1);
    } finally {
      await server.close();
      await rm(profile, { recursive: true });
    }
  },
);

async function serveModel(): Promise<FaultServer> {
  const bundle = await build({
    entryPoints: [fileURLToPath(new URL("opfs-worker.ts", import.meta.url))],
    bundle: true,
    format: "esm",
    write: false,
  });
  const list = FILES.map(({ path, bytes }) => ({ path, sizeBytes: bytes.length, sha256: sha256(bytes) }));
  const files = new Map(FILES.map(({ path, bytes }): [string, Uint8Array] => [`/${path}`, bytes]));
  files.set("/", new TextEncoder().encode("<!doctype html><title>pull</title>"));
  files.set("/worker.js", bundle.outputFiles[0].contents);
  files.set("/model.json", new TextEncoder().encode(JSON.stringify({ commit: "v1", files: list })));
  let requestCount = 0;
  return startFaultServer({
    files,
    // Size, header, and then the download itself, which must not reach its end before the browser is closed.
    faults: (_, path) => {
      if (path.endsWith(FILES[0].path)) requestCount += 1;
      return path.endsWith(FILES[0].path) && requestCount === 3 ? { kind: "stall", at: 0.7 } : { kind: "none" };
    },
    headersFor: (path) => ({ "content-type": TYPES[path] ?? "application/octet-stream" }),
  });
}

async function closeInTheMiddle(server: FaultServer, profile: string): Promise<void> {
  const context = await launch(profile);
  let cutOff: Promise<unknown> = Promise.resolve();
  await new Promise<void>((resolve) => {
    const onReceived = (bytes: number): void => {
      if (bytes > 1_000_000) resolve();
    };
    cutOff = startPull(server, context, onReceived).catch(() => undefined);
  });
  await context.close();
  await cutOff;
}

function launch(profile: string): Promise<BrowserContext> {
  const executablePath = "path" in browser ? browser.path : undefined;
  return chromium.launchPersistentContext(profile, { executablePath, args: [...CHROMIUM_ARGUMENTS] });
}

async function startPull(
  server: FaultServer,
  context: BrowserContext,
  onReceived: (bytes: number) => void = () => undefined,
): Promise<unknown> {
  const page = await context.newPage();
  page.on("console", (message) => onReceived(Number(message.text())));
  await page.goto(`${server.url}/`);
  return page.evaluate(
    () =>
      new Promise((resolve) => {
        const worker = new Worker("/worker.js", { type: "module" });
        worker.onmessage = ({ data }) => {
          if (data.receivedBytes === undefined) resolve(data);
          else console.log(data.receivedBytes);
        };
        worker.onerror = ({ message }) => resolve({ error: message });
      }),
  );
}
