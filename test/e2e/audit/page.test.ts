import { readFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { type Browser, chromium } from "playwright";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ChatReport, ChatTask } from "../../browser/chat/chat-worker.ts";
import { CHROMIUM_ARGUMENTS, findChromium, ISOLATION_HEADERS } from "../../browser/harness/chromium.ts";
import { recordedCase, tinyFolder } from "../chat/tiny-model.ts";

const found = findChromium();
const missing = "missing" in found ? ` (skipped: ${found.missing})` : "";
const REPOSITORY = new URL("../../../", import.meta.url);
// no 'unsafe-eval': only compiling WebAssembly is allowed
const POLICY = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'";

/** Headers by the first part of the address. */
const SITES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  strict: { ...ISOLATION_HEADERS, "Content-Security-Policy": POLICY },
  alone: { "Content-Security-Policy": POLICY },
};
const TYPES: Readonly<Record<string, string>> = { html: "text/html", js: "text/javascript", json: "application/json" };

let server: Server;
let browser: Browser;
let origin: string;

describe.skipIf(missing !== "")(`a page with little allowed${missing}`, () => {
  beforeAll(async () => {
    const files = await pageFiles();
    server = createServer(async (request, response) => {
      const [, site, ...rest] = (request.url ?? "").split("/");
      const name = rest.join("/");
      const body = files.get(name) ?? (await readFile(`${tinyFolder()}/${name}`).catch(() => undefined));
      for (const [header, value] of Object.entries(SITES[site] ?? {})) response.setHeader(header, value);
      response.setHeader("content-type", TYPES[name.split(".").at(-1) ?? ""] ?? "application/octet-stream");
      response.writeHead(body === undefined ? 404 : 200).end(body);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    // loopback counts as a secure context, which the private file system asks for
    origin = `http://127.0.0.1:${typeof address === "object" && address ? address.port : 0}`;
    const executablePath = "path" in found ? found.path : undefined;
    browser = await chromium.launch({ executablePath, args: [...CHROMIUM_ARGUMENTS] });
  });
  afterAll(async () => {
    await browser?.close();
    await new Promise((resolve) => server.close(resolve));
  });

  // bugs: kernels or threads that need eval or a blob's address, which 'self' 'wasm-unsafe-eval' forbids
  test("a policy that forbids eval leaves kernels, threads and tokens as they are", async () => {
    const seen = await visit("strict", 2);
    expect(seen).toMatchObject({ isIsolated: true, isEvalForbidden: true, report: { threadCount: 2 } });
    await expectTokens(seen.report);
  });

  // bugs: shared memory asked for where there is none, a page that waits for threads that cannot start
  test("a page that is not cross-origin isolated answers on one thread with the same tokens", async () => {
    const seen = await visit("alone", 2);
    expect(seen).toMatchObject({ isIsolated: false, isEvalForbidden: true, report: { threadCount: 1 } });
    await expectTokens(seen.report);
  });
});

/** The worker of the browser tests and the compute threads, bundled as an application would. */
async function pageFiles(): Promise<ReadonlyMap<string, Uint8Array | string>> {
  const entryPoints = ["test/browser/chat/chat-worker.ts", "src/backend/wasm/web-worker.ts"];
  const { outputFiles } = await build({
    entryPoints: entryPoints.map((path) => fileURLToPath(new URL(path, REPOSITORY))),
    bundle: true,
    format: "esm",
    write: false,
    // reached in Node alone
    external: ["*/node/node-platform.ts"],
    outdir: "out",
    entryNames: "[name]",
  });
  const files = new Map<string, Uint8Array | string>([["index.html", "<!doctype html><title>page</title>"]]);
  for (const { path, contents } of outputFiles) files.set(path.split(/[\\/]/).at(-1) ?? path, contents);
  return files;
}

async function visit(site: string, threads: number) {
  const { question, files, greedyTokens } = await recordedCase("v2.6", "small");
  const folder = `${origin}/${site}/`;
  const picture = `${folder}${files[0]}`;
  const task: ChatTask = { folder, storage: site, picture, question, threads, tokenCount: greedyTokens.length };
  const page = await browser.newPage();
  await page.goto(`${folder}index.html`);
  const report = await page.evaluate(askWorker, task);
  const isIsolated = await page.evaluate(() => globalThis.crossOriginIsolated);
  return { report, isIsolated, isEvalForbidden: await page.evaluate(isEvalForbidden) };
}

/** Runs in the page. */
function askWorker(task: ChatTask): Promise<ChatReport> {
  const worker = new Worker("./chat-worker.js", { type: "module" });
  return new Promise((resolve) => {
    worker.onmessage = ({ data }: MessageEvent<ChatReport>) => resolve(data);
    worker.onerror = ({ message }) => resolve({ error: message });
    worker.postMessage(task);
  });
}

/** Runs in the page: without this the policy might not be in force. A text timer is what `eval` is to a policy. */
function isEvalForbidden(): Promise<boolean> {
  return new Promise((resolve) => {
    addEventListener("securitypolicyviolation", ({ blockedURI }) => resolve(blockedURI === "eval"));
    setTimeout("document.title = 'evaluated'");
    setTimeout(() => resolve(false), 5000);
  });
}

async function expectTokens(report: ChatReport): Promise<void> {
  const { greedyTokens, promptTokens } = await recordedCase("v2.6", "small");
  expect(report).toMatchObject({ promptTokens, tokens: greedyTokens });
}
