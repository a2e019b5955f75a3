/** Pulls a model into a real Chromium's private file system, with the tab closed in the middle. Run: node test/e2e/hub/opfs-browser.ts. CHROMIUM names the browser. */
import { strict as assert } from "node:assert";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { type BrowserContext, chromium } from "playwright";
import { fakeGguf, sha256 } from "./fake-hub.ts";
import { startFaultServer } from "./fault-server.ts";

const FILES = [
  { path: "tiny-Q4_K_M.gguf", bytes: fakeGguf("qwen", 12_000_000) },
  { path: "eyes.gguf", bytes: fakeGguf("clip", 300_000) },
];

const bundle = await build({
  entryPoints: [fileURLToPath(new URL("opfs-worker.ts", import.meta.url))],
  bundle: true,
  format: "esm",
  write: false,
});
const list = FILES.map(({ path, bytes }) => ({ path, sizeBytes: bytes.length, sha256: sha256(bytes) }));
const routes = new Map(FILES.map(({ path, bytes }): [string, Uint8Array] => [`/${path}`, bytes]));
routes.set("/", new TextEncoder().encode("<!doctype html><title>pull</title>"));
routes.set("/worker.js", bundle.outputFiles[0].contents);
routes.set("/model.json", new TextEncoder().encode(JSON.stringify({ commit: "v1", files: list })));
const types: Record<string, string> = { "/": "text/html", "/worker.js": "text/javascript" };
const headersFor = (path: string): Record<string, string> => ({
  "content-type": types[path] ?? "application/octet-stream",
});
const server = await startFaultServer({ files: routes, headersFor });
const profile = await mkdtemp(join(tmpdir(), "minicpmv-opfs-"));
const executablePath = process.env.CHROMIUM;

function launch(): Promise<BrowserContext> {
  return chromium.launchPersistentContext(profile, { executablePath, args: ["--no-sandbox"] });
}

async function startPull(context: BrowserContext): Promise<{ value?: { sha256: string }; error?: string }> {
  const page = await context.newPage();
  await page.goto(`${server.url}/`);
  return page.evaluate(
    () =>
      new Promise((resolve) => {
        const worker = new Worker("/worker.js", { type: "module" });
        worker.onmessage = ({ data }) => resolve(data);
        worker.onerror = ({ message }) => resolve({ error: message });
      }),
  );
}

try {
  const first = await launch();
  const closed = new Promise<void>((resolve) => {
    server.onSent = (bytes) => {
      if (bytes > 7_000_000) resolve();
    };
  });
  const cutOff = startPull(first).catch(() => ({ error: "closed" }));
  await closed;
  server.onSent = undefined;
  await first.close();
  await cutOff;
  const before = server.requests.length;
  const second = await launch();
  const result = await startPull(second);
  await second.close();
  assert.equal(result.error, undefined);
  assert.equal(result.value?.sha256, sha256(FILES[0].bytes));
  const resumed = server.requests.slice(before).find((line) => /Q4_K_M\.gguf bytes=[1-9]\d*-/.test(line));
  assert.ok(resumed, `the second run began anew:\n${server.requests.slice(before).join("\n")}`);
  console.log(JSON.stringify({ ...result.value, resumed }));
} finally {
  await server.close();
  await rm(profile, { recursive: true });
}
