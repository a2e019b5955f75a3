// npm run bench -- wllama [--layers n] [--rounds n] [--threads n] [--only own|wllama] [--trial]: this engine and wllama (llama.cpp in WebAssembly) in the same headless
// Chromium on the same file, in turn, a fresh page each time. How to get wllama:
//   npm install --ignore-scripts @wllama/wllama@3.8.1     in some folder outside this repository
// Then WLLAMA_DIR=<folder>/node_modules/@wllama/wllama npm run bench -- wllama. A busy machine is refused.
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { type Browser, chromium } from "playwright";
import {
  BusyMachineError,
  type CaseError,
  type MeasureOptions,
  measureSeries,
  nmseError,
  report,
  requireQuietMachine,
  type Series,
} from "../../scripts/bench-lib.ts";
import { CHROMIUM_ARGUMENTS, findChromium, ISOLATION_HEADERS } from "../../test/browser/harness/chromium.ts";
import { normalisedError } from "../normalised-error.ts";
import { openLanguageModel } from "../peers/engine.ts";
import { type SyntheticPair, syntheticPair } from "../peers/synthetic-model.ts";
import type { BenchPage, PageRates, PageWork } from "./work.ts";

const ENGINES = ["own", "wllama"] as const;
type EngineName = (typeof ENGINES)[number];
const PATHS = { own: "wasm integer, in Chromium", wllama: "wllama 3.8.1, in Chromium" };
const THREADS = [2, 1];
const SAMPLES = 1;
const PROMPT = 64;
const ANSWER = 12;
/** A page that takes longer does not answer any more. */
const VISIT_MS = 90_000;
const ERROR_PROMPT = "abcdfgjklmop";
const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".wasm": "application/wasm",
};

interface Settings extends MeasureOptions {
  readonly browser: Browser;
  readonly origin: string;
  readonly pair: SyntheticPair;
  readonly layers: number;
  readonly engines: readonly EngineName[];
  readonly truth: Float32Array;
  readonly visitMs: number;
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
  const isTrial = args.includes("--trial");
  const wanted = count("threads", 0);
  const only = args.indexOf("--only");
  const engines = only < 0 ? ENGINES : ENGINES.filter((name) => name === args[only + 1]);
  const place = { browser, origin: server.origin, pair, layers, engines };
  const settings = {
    ...place,
    isTrial,
    rounds: count("rounds", 3),
    warmUpRounds: 0,
    truth: await floatLogits(pair),
    visitMs: isTrial ? 10 * VISIT_MS : VISIT_MS,
  };
  if (!isTrial) await requireQuietMachine();
  for (const threads of THREADS) {
    if (wanted !== 0 && threads !== wanted) continue;
    report("wllama", await compare(settings, threads), isTrial);
  }
}

/** Logits of the float path in Node, which the oracle confirms to 1e-12. */
async function floatLogits(pair: SyntheticPair): Promise<Float32Array> {
  using model = await openLanguageModel({ pair, threadCount: 2, precision: "float" });
  return (await model.answer(ERROR_PROMPT)).logits;
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

async function visit(settings: Settings, work: PageWork): Promise<PageRates> {
  const { browser, origin, pair } = settings;
  const page = await browser.newPage();
  try {
    await page.goto(`${origin}/index.html`);
    await page.setInputFiles("input", [pair.language, pair.projector]);
    const rates = page.evaluate((work) => {
      const { benchPage } = globalThis as unknown as { readonly benchPage: BenchPage };
      return benchPage.measure(work);
    }, work);
    const { promise: late, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => reject(new Error(`the page of ${work.engine} did not answer`)), settings.visitMs);
    rates.catch(() => {});
    return await Promise.race([rates, late]).finally(() => clearTimeout(timer));
  } finally {
    await page.close();
  }
}

async function compare(settings: Settings, threads: number): ReturnType<typeof measureSeries> {
  const common = { threads, promptTokens: PROMPT, answerTokens: ANSWER, samples: SAMPLES, seed: 1 };
  const errors = new Map<EngineName, CaseError>();
  const model = `2.6 with ${settings.layers} layers, Q4_K_M, Chromium ${settings.browser.version()}`;
  const series = settings.engines.flatMap((engine): Series[] => {
    let last: PageRates | undefined;
    const prefill = async (): Promise<readonly number[]> => {
      last = await visit(settings, { engine, ...common, errorPrompt: ERROR_PROMPT });
      console.error(`${engine}, ${last.description}: ${last.prefill.join(" ")}, ${last.decode.join(" ")}`);
      errors.set(engine, errorOf(last, settings.truth));
      return last.prefill;
    };
    const decode = async (): Promise<readonly number[]> => last?.decode ?? [];
    const parts = { [`prefill ${PROMPT}`]: prefill, [`decode ${ANSWER}`]: decode };
    return Object.entries(parts).map(([name, once]) => ({
      case: `${name}, ${model}`,
      path: PATHS[engine],
      threads,
      unit: "tokens/s",
      once,
      // known once its page has answered
      get error() {
        return errors.get(engine) ?? UNANSWERED;
      },
    }));
  });
  return measureSeries(series, settings);
}

const UNANSWERED: CaseError = { metric: "not available", reason: "the page did not answer" };

function errorOf({ logits }: PageRates, truth: Float32Array): CaseError {
  if (logits === undefined)
    return { metric: "not available", reason: "wllama 3.8.1 gives neither logits nor hidden rows" };
  return nmseError(normalisedError(logits, truth), "this engine's float path");
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof BusyMachineError)) throw error;
  console.error(error.message);
  process.exitCode = 2;
}
