// npm run bench -- peers [--layers n] [--tower F16|Q8_0] [--rounds n] [--only model|encoder|products] [--threads n] [--wide] [--trial]:
// this engine, llama.cpp and onnxruntime on the same work, one after the other in every round, each with its error. llama.cpp takes part
// where LLAMA_CPP_BIN names the folder of its tools (llama-cpp.ts says how to build it). llama.cpp runs the feed-forward of the last layer
// for the wanted rows alone, so a prefill compares only where that layer is a small share: take many layers. --wide switches 256-bit
// vectors on for this engine, an experiment of Node's. With --trial a busy machine is accepted, and nothing is recorded.
import { writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import {
  BusyMachineError,
  type CaseError,
  type MeasureOptions,
  measure,
  measureSeries,
  nmseError,
  report,
  requireQuietMachine,
  type Series,
} from "../../scripts/bench-lib.ts";
import { noisePng } from "../models/noise-png.ts";
import { normalisedError } from "../normalised-error.ts";
import { type MeasuredModel, openEncoder, openLanguageModel } from "./engine.ts";
import { LlamaCpp } from "./llama-cpp.ts";
import { matmulCases } from "./matmul.ts";
import { type SyntheticPair, syntheticPair } from "./synthetic-model.ts";

const PREFILL = 512;
const ANSWER = 16;
const THREADS = [1, 2];
/** Letters that are tokens of their own. */
const PROMPT = "abcdfgjklmop";
const FLOAT_PATH = "this engine's float path";

interface Settings extends MeasureOptions {
  readonly pair: SyntheticPair;
  readonly layers: number;
  readonly tower: "F16" | "Q8_0";
  readonly isTrial: boolean;
  readonly llama: LlamaCpp | undefined;
  readonly picture: string;
  /** Of this engine's paths. */
  readonly suffix: string;
}

const PARTS = { model: measureModel, encoder: measureEncoder, products: measureProducts } as const;

async function main(args: readonly string[]): Promise<void> {
  const value = (name: string): string | undefined => {
    const at = args.indexOf(`--${name}`);
    return at < 0 ? undefined : args[at + 1];
  };
  const isWide = args.includes("--wide");
  if (isWide) setFlagsFromString("--experimental-wasm-revectorize");
  const settings = await readSettings(value, args.includes("--trial"), isWide ? ", 256 bit" : "");
  const only = value("only");
  const wanted = Number(value("threads") ?? 0);
  if (!settings.isTrial) await requireQuietMachine();
  for (const [name, part] of Object.entries(PARTS)) {
    if (only !== undefined && only !== name) continue;
    await part(
      settings,
      THREADS.filter((threads) => wanted === 0 || threads === wanted),
    );
  }
}

async function readSettings(
  value: (name: string) => string | undefined,
  isTrial: boolean,
  suffix: string,
): Promise<Settings> {
  const folder = join(tmpdir(), "minicpmv-bench");
  const layers = Number(value("layers") ?? 4);
  const tower = value("tower") === "Q8_0" ? "Q8_0" : "F16";
  const pair = await syntheticPair({ folder, layers, tower });
  const picture = join(folder, "view.png");
  await writeFile(picture, noisePng(448));
  const bin = process.env.LLAMA_CPP_BIN;
  if (bin === undefined) console.error("LLAMA_CPP_BIN is not set: llama.cpp is left out.");
  const llama = bin === undefined ? undefined : new LlamaCpp(bin);
  return { pair, layers, tower, rounds: Number(value("rounds") ?? 5), isTrial, llama, picture, suffix };
}

async function measureModel(settings: Settings, threadCounts: readonly number[]): Promise<void> {
  const { pair, llama, layers, isTrial } = settings;
  const errors = await modelErrors(settings);
  const shape = `2.6 with ${layers} layers, Q4_K_M`;
  for (const threads of threadCounts) {
    using model = await openLanguageModel({ pair, threadCount: threads, precision: "integer" });
    const prefill = { case: `prefill ${PREFILL}, ${shape}`, threads, unit: "tokens/s" };
    const decode = { case: `decode, ${shape}`, threads, unit: "tokens/s" };
    const own = { path: `wasm integer${settings.suffix}`, error: errors.own };
    const series: Series[] = [
      { ...prefill, ...own, once: () => rate(PREFILL, () => model.prefill(PREFILL)) },
      { ...decode, ...own, once: () => rate(ANSWER, () => decodeMany(model)) },
    ];
    if (llama !== undefined) series.push(...llamaSeries(settings, llama, { prefill, decode, error: errors.llama }));
    report("peers", await measureSeries(series, settings), isTrial);
  }
}

interface LlamaCases {
  readonly prefill: Pick<Series, "case" | "threads" | "unit">;
  readonly decode: Pick<Series, "case" | "threads" | "unit">;
  readonly error: CaseError;
}

/** llama-bench gives both rates at once. */
function llamaSeries({ pair }: Settings, llama: LlamaCpp, { prefill, decode, error }: LlamaCases): readonly Series[] {
  const both = { tokens: PREFILL, answer: ANSWER, threads: prefill.threads };
  const path = "llama.cpp native";
  let last: Awaited<ReturnType<LlamaCpp["rates"]>> | undefined;
  const first = async (): Promise<readonly number[]> => {
    last = await llama.rates(pair, both);
    return [last.prefill];
  };
  return [
    { ...prefill, path, error, once: first },
    { ...decode, path, error, once: async () => [last?.decode ?? Number.NaN] },
  ];
}

async function decodeMany(model: MeasuredModel): Promise<void> {
  for (let i = 0; i < ANSWER; i++) await model.decode();
}

/** Logits after one prompt against those of the float path: float32 products of the same weights, which the oracle confirms to 1e-12. */
async function modelErrors({ pair, llama }: Settings): Promise<{ readonly own: CaseError; readonly llama: CaseError }> {
  const answers = [];
  for (const precision of ["float", "integer"] as const) {
    using model = await openLanguageModel({ pair, threadCount: 2, precision });
    answers.push(await model.answer(PROMPT));
  }
  const [truth, own] = answers;
  const priced = (logits: Float32Array): CaseError => nmseError(normalisedError(logits, truth.logits), FLOAT_PATH);
  if (llama === undefined) return { own: priced(own.logits), llama: { metric: "not available", reason: "not run" } };
  const theirs = await llama.logits(pair, PROMPT);
  if (theirs.ids.join() !== truth.ids.join()) {
    throw new Error(`llama.cpp reads the prompt as ${theirs.ids.join()}, not as ${truth.ids.join()}`);
  }
  return { own: priced(own.logits), llama: priced(theirs.logits) };
}

async function measureEncoder(settings: Settings, threadCounts: readonly number[]): Promise<void> {
  const { pair, llama, tower, picture, isTrial } = settings;
  const error = await encoderError(pair);
  for (const threads of threadCounts) {
    using encoder = await openEncoder({ pair, threadCount: threads, precision: "integer" });
    const common = { case: `encode one view, 2.6, ${tower}`, threads, unit: "views/s" };
    const path = `wasm integer${settings.suffix}`;
    const series: Series[] = [{ ...common, path, error, once: () => rate(1, () => encoder.encode()) }];
    if (llama !== undefined) {
      const once = async (): Promise<readonly number[]> => [1000 / (await llama.encodeMs(pair, picture, threads))];
      series.push({ ...common, path: "llama.cpp native, -fa off", error: NO_ROWS, once });
    }
    report("peers", await measureSeries(series, settings), isTrial);
  }
}

const NO_ROWS: CaseError = {
  metric: "not available",
  reason: "llama.cpp's tools print the first values of an encoder's rows only",
};

async function encoderError(pair: SyntheticPair): Promise<CaseError> {
  const rows: Float32Array[] = [];
  for (const precision of ["integer", "float"] as const) {
    using encoder = await openEncoder({ pair, threadCount: 2, precision });
    rows.push(await encoder.encode());
  }
  return nmseError(normalisedError(rows[0], rows[1]), FLOAT_PATH);
}

async function measureProducts(settings: Settings, threadCounts: readonly number[]): Promise<void> {
  for (const threads of threadCounts) {
    using owned = new DisposableStack();
    const cases = await matmulCases(threads, owned, settings.suffix);
    report("peers", await measure(cases, settings), settings.isTrial);
  }
}

/** Units of work a second. */
async function rate(work: number, job: () => Promise<unknown>): Promise<readonly number[]> {
  const start = performance.now();
  await job();
  return [(work * 1000) / (performance.now() - start)];
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof BusyMachineError)) throw error;
  console.error(error.message);
  process.exitCode = 2;
}
