import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { extname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { sha256 } from "../hub/fake-hub.ts";
import { type FaultServer, startFaultServer } from "../hub/fault-server.ts";

const VITE = fileURLToPath(new URL("../../../node_modules/vite/bin/vite.js", import.meta.url));
const CONFIG = fileURLToPath(new URL("../../../apps/web/vite.config.ts", import.meta.url));

export const GOLDEN = fileURLToPath(new URL("../../golden/ladder/v2.6/", import.meta.url));
export const PAIR = { language: `${GOLDEN}gguf/model-f16.gguf`, vision: `${GOLDEN}gguf/mmproj-model-f16.gguf` };

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
  ".json": "application/json",
  ".webmanifest": "application/manifest+json",
};

/** The built page with a model embedded, the tiny checkpoint by default, on a host that sends no special headers, and a hub beside it. */
export interface Site extends AsyncDisposable {
  readonly server: FaultServer;
  /** Files of the build by their path. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  /** The next download of weights is held up at two thirds. */
  stallOnce(): void;
}

export async function startSite(embedded: string = GOLDEN): Promise<Site> {
  const files = await buildPage(embedded);
  const site = new Map(files);
  for (const path of files.keys()) {
    if (path.endsWith("index.html")) site.set(path.slice(0, -"index.html".length), files.get(path) ?? new Uint8Array());
  }
  await addHub(site);
  let stalls = 0;
  const server = await startFaultServer({
    files: site,
    faults: (_, path) => {
      if (stalls === 0 || !path.endsWith("/mmproj-model-f16.gguf")) return { kind: "none" };
      stalls -= 1;
      return stalls === 0 ? { kind: "stall", at: 0.66 } : { kind: "none" };
    },
    headersFor: (path) => ({
      "content-type": TYPES[extname(path)] ?? (path.endsWith("/") ? "text/html" : "application/octet-stream"),
    }),
  });
  return {
    server,
    files,
    stallOnce: () => {
      stalls = 3; // size, header, and then the download itself
    },
    [Symbol.asyncDispose]: () => server.close(),
  };
}

/** Built as it is published: in a process of its own, because the test's own environment would make it a development build. */
async function buildPage(embedded: string): Promise<Map<string, Uint8Array>> {
  const outDir = await mkdtemp(join(tmpdir(), "minicpmv-web-"));
  try {
    await promisify(execFile)(
      process.execPath,
      [VITE, "build", "--config", CONFIG, "--outDir", outDir, "--emptyOutDir"],
      {
        env: { PATH: process.env.PATH, NODE_ENV: "production", MINICPMV_EMBEDDED: embedded },
      },
    );
    const files = new Map<string, Uint8Array>();
    for (const entry of await readdir(outDir, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const path = join(entry.parentPath, entry.name);
      files.set(`/${relative(outDir, path).replaceAll("\\", "/")}`, await readFile(path));
    }
    return files;
  } finally {
    await rm(outDir, { recursive: true });
  }
}

async function addHub(site: Map<string, Uint8Array>): Promise<void> {
  const pair = [
    { path: "model-f16.gguf", bytes: await readFile(PAIR.language) },
    { path: "mmproj-model-f16.gguf", bytes: await readFile(PAIR.vision) },
  ];
  for (const { path, bytes } of pair) site.set(`/hub/tiny/${path}`, bytes);
  const files = pair.map(({ path, bytes }) => ({ path, sizeBytes: bytes.length, sha256: sha256(bytes) }));
  const list = (of: typeof files) =>
    new TextEncoder().encode(JSON.stringify({ commit: "v1", licence: "apache-2.0", files: of }));
  site.set("/hub/tiny/model.json", list(files));
  site.set("/hub/blind/model.json", list(files.slice(0, 1)));
  site.set("/hub/blind/model-f16.gguf", pair[0].bytes);
}
