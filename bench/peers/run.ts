// npm run bench -- peers [--layers n] [--tower F16|Q8_0] [--rounds n] [--trial]: this engine, llama.cpp and onnxruntime on the same
// work, one after the other in every round. llama.cpp takes part where LLAMA_CPP_BIN names the folder of its tools (llama-cpp.ts says
// how to build it). llama.cpp runs the feed-forward of the last layer for the wanted rows alone, so a prefill compares only where that layer
// is a small share: take many layers. With --trial a busy machine is accepted, and nothing is recorded.
import { writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32, deflateSync } from "node:zlib";
import {
  type BenchRow,
  BusyMachineError,
  commitName,
  machineName,
  measure,
  medianWithSpread,
  report,
  requireQuietMachine,
} from "../../scripts/bench-lib.ts";
import { seededRandom } from "../../src/base/random.ts";
import { type MeasuredEncoder, type MeasuredModel, openEncoder, openLanguageModel } from "./engine.ts";
import { LlamaCpp } from "./llama-cpp.ts";
import { matmulCases, normalisedError } from "./matmul.ts";
import { type SyntheticPair, syntheticPair } from "./synthetic-model.ts";

const PREFILL = 512;
const ANSWER = 16;
const THREADS = [1, 2];

interface Settings {
  readonly pair: SyntheticPair;
  readonly layers: number;
  readonly tower: "F16" | "Q8_0";
  readonly rounds: number;
  readonly isTrial: boolean;
  readonly llama: LlamaCpp | undefined;
  readonly picture: string;
}

/** One measured quantity of one path: a value for each round. */
interface Series extends Pick<BenchRow, "case" | "path" | "threads" | "unit" | "error"> {
  readonly once: () => Promise<number>;
}

async function main(args: readonly string[]): Promise<void> {
  const settings = await readSettings(args);
  for (const threads of THREADS) {
    await measureModel(settings, threads);
    await measureEncoder(settings, threads);
    using owned = new DisposableStack();
    const cases = await matmulCases(threads, owned);
    report("peers", await measure(cases, { rounds: settings.rounds, isTrial: settings.isTrial }), settings.isTrial);
  }
}

async function readSettings(args: readonly string[]): Promise<Settings> {
  const value = (name: string): string | undefined => {
    const at = args.indexOf(`--${name}`);
    return at < 0 ? undefined : args[at + 1];
  };
  const folder = join(tmpdir(), "minicpmv-bench");
  const layers = Number(value("layers") ?? 4);
  const tower = value("tower") === "Q8_0" ? "Q8_0" : "F16";
  const pair = await syntheticPair({ folder, layers, tower });
  const picture = join(folder, "view.png");
  await writeFile(picture, noisePng(448));
  const bin = process.env.LLAMA_CPP_BIN;
  if (bin === undefined) console.error("LLAMA_CPP_BIN is not set: llama.cpp is left out.");
  const llama = bin === undefined ? undefined : new LlamaCpp(bin);
  return {
    pair,
    layers,
    tower,
    rounds: Number(value("rounds") ?? 5),
    isTrial: args.includes("--trial"),
    llama,
    picture,
  };
}

async function measureModel(settings: Settings, threads: number): Promise<void> {
  const { pair, llama, layers } = settings;
  const error = await modelError(pair, threads);
  using model = await openLanguageModel({ pair, threadCount: threads, precision: "integer" });
  const shape = `2.6 with ${layers} layers, Q4_K_M`;
  const prefill = { case: `prefill 512, ${shape}`, threads, unit: "tokens/s" };
  const decode = { case: `decode, ${shape}`, threads, unit: "tokens/s" };
  let last: Awaited<ReturnType<LlamaCpp["rates"]>> | undefined;
  const series: Series[] = [
    { ...prefill, path: "wasm integer", error, once: () => rate(PREFILL, () => model.prefill(PREFILL)) },
    { ...decode, path: "wasm integer", error, once: () => rate(ANSWER, () => decodeMany(model)) },
  ];
  if (llama !== undefined) {
    const both = { tokens: PREFILL, answer: ANSWER, threads };
    series.push({
      ...prefill,
      path: "llama.cpp native",
      once: async () => {
        last = await llama.rates(pair, both);
        return last.prefill;
      },
    });
    // llama-bench gives both at once
    series.push({ ...decode, path: "llama.cpp native", once: async () => last?.decode ?? Number.NaN });
  }
  await measureSeries(series, settings);
}

async function decodeMany(model: MeasuredModel): Promise<void> {
  for (let i = 0; i < ANSWER; i++) await model.decode();
}

/** Logits of the 8-bit path against the float path of the same file. */
async function modelError(pair: SyntheticPair, threadCount: number): Promise<NonNullable<BenchRow["error"]>> {
  const logits: Float32Array[] = [];
  for (const precision of ["integer", "float"] as const) {
    using model = await openLanguageModel({ pair, threadCount, precision });
    logits.push(await model.prefill(8));
  }
  return { metric: "NMSE of logits", value: normalisedError(logits[0], logits[1]) };
}

async function measureEncoder(settings: Settings, threads: number): Promise<void> {
  const { pair, llama, tower, picture } = settings;
  const error = await encoderError(pair, threads);
  using encoder = await openEncoder({ pair, threadCount: threads, precision: "integer" });
  const common = { case: `encode one view, 2.6, ${tower}`, threads, unit: "views/s" };
  const series: Series[] = [{ ...common, path: "wasm integer", error, once: () => rate(1, () => encoder.encode()) }];
  if (llama !== undefined) {
    const once = async (): Promise<number> => 1000 / (await llama.encodeMs(pair, picture, threads));
    series.push({ ...common, path: "llama.cpp native, -fa off", once });
  }
  await measureSeries(series, settings);
}

async function encoderError(pair: SyntheticPair, threadCount: number): Promise<NonNullable<BenchRow["error"]>> {
  const rows: Float32Array[] = [];
  for (const precision of ["integer", "float"] as const) {
    using encoder: MeasuredEncoder = await openEncoder({ pair, threadCount, precision });
    rows.push(await encoder.encode());
  }
  return { metric: "NMSE of rows", value: normalisedError(rows[0], rows[1]) };
}

/** Units of work a second. */
async function rate(work: number, job: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await job();
  return (work * 1000) / (performance.now() - start);
}

/** Rounds over all series in turn; the first round warms up. */
async function measureSeries(series: readonly Series[], { rounds, isTrial }: Settings): Promise<void> {
  const values = series.map((): number[] => []);
  for (let round = 0; round <= rounds; round++) {
    if (!isTrial) await requireQuietMachine();
    for (const [i, { once }] of series.entries()) {
      const value = await once();
      if (round > 0) values[i].push(value);
    }
  }
  const place = { date: new Date().toISOString(), commit: commitName(), machine: machineName(), node: process.version };
  const rows = series.map(({ case: name, path, threads, unit, error }, i): BenchRow => {
    const { median, spread } = medianWithSpread(values[i]);
    const figures = { value: Number(median.toPrecision(4)), spread: Number(spread.toPrecision(4)), rounds };
    return { ...place, case: name, path, threads, unit, ...figures, ...(error === undefined ? {} : { error }) };
  });
  report("peers", rows, isTrial);
}

/** A square of noise: PNG, 8 bit RGB, no filter. */
function noisePng(side: number): Uint8Array {
  const random = seededRandom(side);
  const rows = Uint8Array.from({ length: side * (1 + 3 * side) }, (_, i) =>
    i % (1 + 3 * side) === 0 ? 0 : random.below(256),
  );
  const header = new DataView(new ArrayBuffer(13));
  header.setUint32(0, side);
  header.setUint32(4, side);
  header.setUint8(8, 8);
  header.setUint8(9, 2);
  const chunks = [
    pngChunk("IHDR", new Uint8Array(header.buffer)),
    pngChunk("IDAT", deflateSync(rows)),
    pngChunk("IEND", new Uint8Array()),
  ];
  return Buffer.concat([Uint8Array.of(137, 80, 78, 71, 13, 10, 26, 10), ...chunks]);
}

function pngChunk(kind: string, data: Uint8Array): Uint8Array {
  const body = Buffer.concat([Buffer.from(kind, "latin1"), data]);
  const frame = Buffer.alloc(body.length + 8);
  frame.writeUInt32BE(data.length, 0);
  frame.set(body, 4);
  frame.writeUInt32BE(crc32(body), body.length + 4);
  return frame;
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof BusyMachineError)) throw error;
  console.error(error.message);
  process.exitCode = 2;
}
