// npm run bench -- whole --version 4.5|4.6|2.6|2.5 [--layers N] [--threads 2] [--tower int8|float] [--only own|llama] [--errors | --record] [--trial]: whole models of published size with
// random weights, here and in llama.cpp (LLAMA_CPP_BIN, see bench/peers/llama-cpp.ts): the first token of a 1344 × 1344 picture (ten views) with
// everything loaded, encode, prefill, decode, and the most memory each process held.
//
// A round of an 8B model takes minutes. Each call measures one round and keeps it; --errors compares the path with the float path once and
// keeps that (no quiet machine needed); --record makes rows of what was kept and forgets it.
import { appendFile, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type BenchRow,
  BusyMachineError,
  type CaseError,
  commitName,
  machineName,
  medianWithSpread,
  report,
  requireQuietMachine,
} from "../../scripts/bench-lib.ts";
import { type ConfiguredVersion, PUBLISHED_CONFIGS } from "../../src/model/testing/published-configs.ts";
import { noisePng } from "../models/noise-png.ts";
import { shapedPair } from "../models/shaped-pair.ts";
import { normalisedError } from "../normalised-error.ts";
import { LlamaCpp } from "../peers/llama-cpp.ts";
import type { SyntheticPair } from "../peers/synthetic-model.ts";
import { run } from "./child.ts";
import type { WholeTask, WholeTimes, WholeTrace } from "./once.ts";
import { TEXT } from "./text.ts";

const FOLDER = join(tmpdir(), "minicpmv-bench");
const ONCE = join(import.meta.dirname, "once.ts");
const TEN_VIEWS = 1344;
const ONE_VIEW = 448;
/** Fed to both paths, whatever they would have said. */
const ANSWER = [1, 2, 3, 4];

interface Settings {
  readonly version: ConfiguredVersion;
  readonly threads: number;
  readonly tower: "float" | "int8";
  readonly pair: SyntheticPair;
  readonly isTrial: boolean;
  /** Which model, for people. */
  readonly label: string;
  /** One side alone, where a round of both is too long. */
  readonly only: string | undefined;
}

/** Of both sides, by what was compared. */
interface Errors {
  readonly rows: CaseError;
  readonly first: CaseError;
  readonly last: CaseError;
  readonly llama: CaseError;
}

/** One value of one round. */
interface Sample extends Pick<BenchRow, "case" | "path" | "threads" | "unit"> {
  readonly value: number;
  /** Which of the errors belongs to it. */
  readonly error: keyof Errors;
}

async function main(args: readonly string[]): Promise<void> {
  const value = (name: string): string | undefined => {
    const at = args.indexOf(`--${name}`);
    return at < 0 ? undefined : args[at + 1];
  };
  const version = Object.keys(PUBLISHED_CONFIGS).find((known) => known === value("version")) as
    | ConfiguredVersion
    | undefined;
  if (version === undefined) throw new RangeError(`--version takes ${Object.keys(PUBLISHED_CONFIGS).join(", ")}`);
  const layers = value("layers") === undefined ? undefined : Number(value("layers"));
  const settings: Settings = {
    version,
    threads: Number(value("threads") ?? 2),
    tower: value("tower") === "float" ? "float" : "int8",
    pair: await shapedPair({ folder: FOLDER, version, ...(layers === undefined ? {} : { layers }) }),
    label: layers === undefined ? `shape of ${version}` : `shape of ${version} with ${layers} layers`,
    isTrial: args.includes("--trial"),
    only: value("only"),
  };
  if (args.includes("--errors")) await keepErrors(settings);
  else if (args.includes("--record")) await record(settings);
  else await measureRound(settings);
}

const kept = ({ label, tower, threads }: Settings, what: string): string =>
  join(FOLDER, `whole ${label}, ${tower}, ${threads} ${what}`);

async function picture(side: number): Promise<string> {
  const path = join(FOLDER, `noise-${side}.png`);
  await mkdir(FOLDER, { recursive: true });
  await writeFile(path, noisePng(side));
  return path;
}

async function measureRound(settings: Settings): Promise<void> {
  if (!settings.isTrial) await requireQuietMachine();
  const image = await picture(TEN_VIEWS);
  const samples: Sample[] = [];
  if (settings.only !== "llama") samples.push(...(await measureOwn(settings, image)));
  if (settings.only !== "own") samples.push(...(await measureLlama(settings, image)));
  for (const { case: name, path, value, unit } of samples)
    console.log(`${name}, ${path}: ${value.toPrecision(4)} ${unit}`);
  if (!settings.isTrial) await appendFile(kept(settings, "samples.jsonl"), `${JSON.stringify(samples)}\n`);
}

async function measureOwn(settings: Settings, image: string): Promise<readonly Sample[]> {
  const { label, threads, tower } = settings;
  const { out } = await run(process.execPath, [ONCE, JSON.stringify(taskOf(settings, { image, isExact: false }))]);
  const times: WholeTimes = JSON.parse(out);
  const path = `wasm integer, tower ${tower}`;
  const of = (name: string, unit: string, value: number, error: Sample["error"]): Sample => ({
    case: `${name}, ${label}, Q4_K_M`,
    path,
    threads,
    unit,
    value,
    error,
  });
  return [
    of(`first token of ${times.views} views, ${times.promptTokens} tokens`, "s", times.firstTokenMs / 1000, "first"),
    of("encode", "s a view", times.encodeMs / 1000 / times.views, "rows"),
    of("prefill 512", "tokens/s", times.prefillRate, "first"),
    of("decode", "tokens/s", times.decodeRate, "last"),
    of("load both parts", "s", times.loadMs / 1000, "first"),
    of("weights and cache", "MB", (times.weightBytes + times.cacheBytes) / 1e6, "first"),
    of("peak of weights, cache and workspaces", "MB", times.residentBytes / 1e6, "first"),
    of("peak of the process", "MB", times.processBytes / 1e6, "first"),
  ];
}

function taskOf(
  { pair, threads, tower }: Settings,
  { image, isExact }: { readonly image: string; readonly isExact: boolean },
): WholeTask {
  const how = isExact ? ({ tower: "float", kernels: "generic" } as const) : ({ tower, kernels: "tuned" } as const);
  return { ...pair, picture: image, threads, ...how };
}

async function measureLlama({ pair, label, threads }: Settings, image: string): Promise<readonly Sample[]> {
  const bin = process.env.LLAMA_CPP_BIN;
  if (bin === undefined) {
    console.error("LLAMA_CPP_BIN is not set: llama.cpp is left out.");
    return [];
  }
  const files = ["-m", pair.language, "--mmproj", pair.projector, "--image", image];
  const how = ["-t", `${threads}`, "-fa", "off", "-ngl", "0", "-n", "1", "-c", "2048", "--temp", "0", "-v"];
  const whole = await run(join(bin, "llama-mtmd-cli"), [...files, ...how, "-p", "What is this?"]);
  const log = whole.out + whole.notes;
  const views = [...log.matchAll(/encoding done in (\d+) ms/g)].map((found) => Number(found[1]));
  const sizes = ["-p", "512", "-n", "16", "-t", `${threads}`, "-r", "1", "-ngl", "0", "-o", "json"];
  const bench = await run(join(bin, "llama-bench"), ["-m", pair.language, ...sizes]);
  const rates = JSON.parse(bench.out) as { readonly n_prompt: number; readonly avg_ts: number }[];
  const rate = (isPrefill: boolean): number =>
    rates.find((row) => row.n_prompt > 0 === isPrefill)?.avg_ts ?? Number.NaN;
  const of = (name: string, unit: string, value: number): Sample => ({
    case: `${name}, ${label}, Q4_K_M`,
    path: "llama.cpp native, -fa off",
    threads,
    unit,
    value,
    error: "llama",
  });
  const tokens = /prompt eval time = .*? \/ +(\d+) tokens/.exec(log)?.[1] ?? "?";
  return [
    of(
      `first token of ${views.length} views, ${tokens} tokens`,
      "s",
      secondsBetween(log, "loading model: ", "llama_perf_context_print"),
    ),
    of("encode", "s a view", views.reduce((sum, ms) => sum + ms, 0) / 1000 / views.length),
    of("prefill 512", "tokens/s", rate(true)),
    of("decode", "tokens/s", rate(false)),
    of("peak of the process", "MB", whole.peakBytes / 1e6),
  ];
}

/** Time between the first lines that hold two texts; lines begin with minutes, seconds, milliseconds and microseconds. */
function secondsBetween(log: string, from: string, to: string): number {
  const lines = log.split("\n");
  const at = (text: string): number => {
    const found = /(\d+)\.(\d+)\.(\d+)\.(\d+) \w/.exec(lines.find((line) => line.includes(text)) ?? "");
    if (found === null) return Number.NaN;
    const [minutes, seconds, milliseconds, microseconds] = found.slice(1).map(Number);
    return minutes * 60 + seconds + milliseconds / 1e3 + microseconds / 1e6;
  };
  return at(to) - at(from);
}

/** One view and an answer of a few tokens, by this path and by floats alone. */
async function keepErrors(settings: Settings): Promise<void> {
  const image = await picture(ONE_VIEW);
  const traces: WholeTrace[] = [];
  for (const isExact of [false, true]) {
    const task = { ...taskOf(settings, { image, isExact }), answer: ANSWER };
    traces.push(JSON.parse((await run(process.execPath, [ONCE, JSON.stringify(task)])).out));
  }
  const [fast, exact] = traces;
  const theirs = await llamaError(settings, exact.text);
  const errors: Errors = {
    llama: theirs,
    rows: { metric: "NMSE of visual rows", value: normalisedError(fast.rows, exact.rows) },
    first: { metric: "NMSE of logits", value: normalisedError(fast.first, exact.first) },
    last: { metric: "NMSE of logits", value: normalisedError(fast.last, exact.last) },
  };
  console.log(errors);
  await writeFile(kept(settings, "errors.json"), JSON.stringify(errors));
}

/** llama.cpp's logits behind a plain text against those of the float path here. */
async function llamaError({ pair }: Settings, truth: WholeTrace["text"]): Promise<CaseError> {
  const bin = process.env.LLAMA_CPP_BIN;
  if (bin === undefined) return { metric: "not available", reason: "not run" };
  const { ids, logits } = await new LlamaCpp(bin).logits(pair, TEXT);
  if (ids.join() !== truth.ids.join()) {
    return { metric: "not available", reason: `reads the text as ${ids.join()}, not as ${truth.ids.join()}` };
  }
  return { metric: "NMSE of logits behind a text", value: normalisedError(logits, truth.logits) };
}

async function record(settings: Settings): Promise<void> {
  const lines = (await readFile(kept(settings, "samples.jsonl"), "utf8")).trim().split("\n");
  const samples = lines.flatMap((line) => JSON.parse(line) as readonly Sample[]);
  const kinds = Map.groupBy(samples, (one) => `${one.case} ${one.path}`);
  const errors: Errors = JSON.parse(await readFile(kept(settings, "errors.json"), "utf8"));
  const place = { date: new Date().toISOString(), commit: commitName(), machine: machineName(), node: process.version };
  const rows = [...kinds.values()].map((alike): BenchRow => {
    const [{ case: name, path, threads, unit, error }] = alike;
    const values = alike.map(({ value }) => value);
    const { median, spread } = medianWithSpread(values);
    const figures = {
      value: Number(median.toPrecision(4)),
      spread: Number(spread.toPrecision(4)),
      rounds: values.length,
    };
    return {
      ...place,
      case: name,
      path,
      threads,
      unit,
      ...figures,
      error: errors[error],
    };
  });
  report("whole", rows, settings.isTrial);
  if (!settings.isTrial) await rm(kept(settings, "samples.jsonl"));
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof BusyMachineError)) throw error;
  console.error(error.message);
  process.exitCode = 2;
}
