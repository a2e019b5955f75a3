// npm run bench -- wllama [--layers n] [--rounds n] [--trial]: this engine and wllama (llama.cpp in WebAssembly) in the same headless
// Chromium on the same file, in turn, a fresh page each time. How to get wllama:
//   npm install --ignore-scripts @wllama/wllama@3.8.1     in some folder outside this repository
// Then WLLAMA_DIR=<folder>/node_modules/@wllama/wllama npm run bench -- wllama. A busy machine is noted in the rows.
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { type Browser, chromium } from "playwright";
import {
  type BenchRow,
  BUSY_LIMIT,
  commitName,
  machineName,
  medianWithSpread,
  report,
} from "../../scripts/bench-lib.ts";
import { othersShare, sampleCpu } from "../../scripts/cpu-load.ts";
import { CHROMIUM_ARGUMENTS, findChromium, ISOLATION_HEADERS } from "../../test/browser/harness/chromium.ts";
import { type SyntheticPair, syntheticPair } from "../peers/synthetic-model.ts";
import type { BenchPage, PageRates, PageWork } from "./work.ts";

const ENGINES = ["own", "wllama"] as const;
const PATHS = { own: "wasm integer, in Chromium", wllama: "wllama 3.8.1, in Chromium" };
const THREADS = [2, 1];
const SAMPLES = 2;
const PROMPT = 256;
const ANSWER = 24;
const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".wasm": "application/wasm",
};

/** Names the seen load, because a busy machine slows both engines alike and is no reason to have no figure. */
interface NotedRow extends BenchRow {
  readonly isBusy: boolean;
  readonly othersShare: number;
  readonly notes: string;
}

interface Settings {
  readonly browser: Browser;
  readonly origin: string;
  readonly pair: SyntheticPair;
  readonly layers: number;
  readonly rounds: number;
}

async function main(args: readonly string[]): Promise<void> {
  const count = (name: string, otherwise: number): number => {
    const at = args.indexOf(`--${name}`);
    return at < 0 ? otherwise : Number(args[at + 1]);
  };
  const folder = process.env.WLLAMA_DIR;
  const found = findChromium();
  if (folder === undefined)
    throw new Error("WLLAMA_DIR names no folder; the head of bench/wllama/run.ts says how to get one");
  if ("missing" in found) throw new Error(found.missing);
  const layers = count("layers", 4);
  const pair = await syntheticPair({ folder: join(tmpdir(), "minicpmv-bench"), layers, tower: "F16" });
  await using server = await serve(await bundle(), join(folder, "esm"));
  await using browser = await chromium.launch({ executablePath: found.path, args: [...CHROMIUM_ARGUMENTS] });
  const settings = { browser, origin: server.origin, pair, layers, rounds: count("rounds", 3) };
  for (const threads of THREADS) report("wllama", await compare(settings, threads), args.includes("--trial"));
}

/** The page and the two workers, by the names they are asked for. */
async function bundle(): Promise<ReadonlyMap<string, Uint8Array>> {
  const entries = {
    page: new URL("./page.ts", import.meta.url),
    "engine-worker": new URL("./engine-worker.ts", import.meta.url),
    "web-worker": new URL("../../src/backend/wasm/web-worker.ts", import.meta.url),
  };
  const { outputFiles } = await build({
    entryPoints: Object.entries(entries).map(([out, url]) => ({ in: fileURLToPath(url), out })),
    outdir: "/",
    bundle: true,
    write: false,
    format: "esm",
    target: "esnext",
    minify: true,
  });
  const files = new Map(outputFiles.map(({ path, contents }): [string, Uint8Array] => [path, contents]));
  return files.set(
    "/index.html",
    Buffer.from(
      '<!doctype html><title>bench</title><input type="file" multiple><script type="module" src="/page.js"></script>',
    ),
  );
}

async function serve(files: ReadonlyMap<string, Uint8Array>, wllama: string) {
  const server = createServer(async ({ url = "/" }, response) => {
    const path = normalize(new URL(url, "http://localhost").pathname);
    const body = path.startsWith("/wllama/")
      ? await readFile(join(wllama, path.slice("/wllama/".length))).catch(() => undefined)
      : files.get(path);
    const type = TYPES[extname(path)] ?? "application/octet-stream";
    response.writeHead(body === undefined ? 404 : 200, { ...ISOLATION_HEADERS, "Content-Type": type });
    response.end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    origin: `http://127.0.0.1:${port}`,
    [Symbol.asyncDispose]: async () => {
      server.close();
    },
  };
}

async function visit({ browser, origin, pair }: Settings, work: PageWork): Promise<PageRates> {
  const page = await browser.newPage();
  try {
    await page.goto(`${origin}/index.html`);
    await page.setInputFiles("input", [pair.language, pair.projector]);
    return await page.evaluate((work) => {
      const { benchPage } = globalThis as unknown as { readonly benchPage: BenchPage };
      return benchPage.measure(work);
    }, work);
  } finally {
    await page.close();
  }
}

async function compare(settings: Settings, threads: number): Promise<readonly NotedRow[]> {
  const seen = ENGINES.map((engine) => ({ engine, prefill: [] as number[], decode: [] as number[], description: "" }));
  const before = sampleCpu();
  for (let round = 0; round < settings.rounds; round++) {
    for (const one of seen) {
      const { engine } = one;
      const work = { engine, threads, promptTokens: PROMPT, answerTokens: ANSWER, samples: SAMPLES, seed: round };
      const rates = await visit(settings, work);
      console.error(`${engine}, ${threads} threads:`, JSON.stringify(rates));
      one.prefill.push(...rates.prefill);
      one.decode.push(...rates.decode);
      one.description = rates.description;
    }
  }
  const share = Number(othersShare(before, sampleCpu()).toFixed(3));
  const isBusy = share > BUSY_LIMIT;
  const place = { date: new Date().toISOString(), commit: commitName(), machine: machineName(), node: process.version };
  const model = `2.6 with ${settings.layers} layers, Q4_K_M, Chromium ${settings.browser.version()}`;
  return seen.flatMap(({ engine, prefill, decode, description }) => {
    const notes = isBusy ? `${description}; machine busy` : description;
    const row = (name: string, values: readonly number[]): NotedRow => {
      const { median, spread } = medianWithSpread(values);
      const figures = { value: Number(median.toPrecision(4)), spread: Number(spread.toPrecision(4)) };
      const about = { ...place, case: `${name}, ${model}`, path: PATHS[engine], threads, unit: "tokens/s" };
      return { ...about, ...figures, rounds: settings.rounds, isBusy, othersShare: share, notes };
    };
    return [row(`prefill ${PROMPT}`, prefill), row(`decode ${ANSWER}`, decode)];
  });
}

await main(process.argv.slice(2));
