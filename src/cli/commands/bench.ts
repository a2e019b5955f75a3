import type { Answer } from "../../chat/answer.ts";
import type { AnswerTrace } from "../../chat/answer-trace.ts";
import { load } from "../../chat/load.ts";
import type { Message } from "../../chat/message.ts";
import type { Model } from "../../chat/model.ts";
import { lockTraining } from "../../train/run/training-lock.ts";
import { imageParts, PICTURE_FLAGS } from "../answer-flags.ts";
import type { Arguments, Command, CommandContext } from "../command.ts";
import { EXIT } from "../errors.ts";
import { loadOptions, MODEL_FLAGS, modelName } from "../model-flags.ts";
import { nmse } from "../nmse.ts";
import { memoryText } from "../stats-text.ts";
import { testPictures } from "../test-pictures.ts";
import { table } from "../units.ts";

/** `minicpmv bench MODEL --image photo.jpg` */
export const benchCommand: Command = {
  name: "bench",
  summary:
    "Measures a model on this machine: pictures, prompt, answer, memory, and what the fast path costs in accuracy.",
  usage: "MODEL [--mmproj FILE] [-i PICTURE]",
  flags: {
    ...MODEL_FLAGS,
    ...PICTURE_FLAGS,
    "max-tokens": { type: "string", short: "n", value: "N", help: "tokens of each answer (32)" },
    rounds: { type: "string", short: "r", value: "N", help: "rounds after a first one that does not count (3)" },
    json: { type: "boolean", help: "print every figure as JSON" },
  },
  examples: [
    "minicpmv bench openbmb/MiniCPM-V-4.6-gguf",
    "minicpmv bench model.gguf --mmproj mmproj.gguf --image photo.jpg -r 5 --json",
  ],
  run,
};

/** Tokens of the answer that the error of decoding is read behind. */
const COMPARED_TOKENS = 4;

/** How far a path is from the float path on the same input. */
interface PathError {
  readonly metric: string;
  readonly value: number;
}

/** One measured quantity over the rounds. */
interface Row {
  readonly name: string;
  readonly unit: string;
  readonly median: number;
  readonly least: number;
  readonly most: number;
  /** Distance of the quartiles divided by the median. */
  readonly spread: number;
  /** What computed it. */
  readonly path: string;
  readonly error: PathError;
}

/** Paths and errors of the parts of an answer. */
interface Parts {
  readonly views: number;
  readonly tower: string;
  readonly language: string;
  readonly errors: Readonly<Record<keyof AnswerTrace, PathError>>;
}

/** Neither a training nor a benchmark starts beside the other. Throws TrainingRunningError. */
async function run(args: Arguments, context: CommandContext): Promise<number> {
  const lock = await lockTraining();
  try {
    return await compare(args, context);
  } finally {
    await lock.release();
  }
}

async function compare(args: Arguments, context: CommandContext): Promise<number> {
  const { terminal } = context;
  const { reference, pictures: named } = namedThings(args, context);
  const rounds = args.number("rounds") ?? 3;
  const given = await imageParts(args, [...args.texts("image"), ...named]);
  const pictures = given.length > 0 ? given : [{ image: testPictures()[0].image }];
  const messages: readonly Message[] = [{ role: "user", content: [...pictures, "Describe this picture."] }];
  const fast = await measure(reference, { args, context, messages, rounds });
  const exact = await exactTrace(reference, { args, context, messages, answer: fast.answer });
  const rows = figures(fast.answers, { ...fast, errors: errorsOf(fast.trace, exact) }, fast.stats);
  const { title, backend, stats } = fast;
  if (args.has("json")) {
    const report = { model: title, path: backend, kernels: args.text("kernels") ?? "tuned", rows, stats };
    terminal.out(`${JSON.stringify(report, null, 2)}\n`);
    return EXIT.done;
  }
  terminal.out(`${title}, ${backend}, ${rounds} rounds\n`);
  const cells = rows.map(({ name, median, least, most, spread, unit, path, error }) => [
    name,
    ...[median, least, most].map(figure),
    `${(spread * 100).toFixed(1)} %`,
    unit,
    path,
    `${error.value.toExponential(1)} ${error.metric}`,
  ]);
  terminal.out(`${table(["quantity", "median", "least", "most", "spread", "unit", "path", "error"], cells)}\n`);
  terminal.out(`memory ${memoryText(stats)}\n`);
  return EXIT.done;
}

/** The model is named by -m, else first; what else is named are pictures. */
function namedThings(args: Arguments, context: CommandContext) {
  const isNamed = args.text("model") !== undefined;
  const [first, ...rest] = args.positionals;
  return { reference: modelName(args, context, first), pictures: isNamed ? args.positionals : rest };
}

interface Work {
  readonly args: Arguments;
  readonly context: CommandContext;
  readonly messages: readonly Message[];
}

/** The rounds on the path that the flags ask for, and what it computes. */
async function measure(reference: string, { args, context, messages, rounds }: Work & { readonly rounds: number }) {
  const { terminal, signal } = context;
  const options = {
    temperature: 0,
    repetitionPenalty: 1,
    maxNewTokens: args.number("max-tokens") ?? 32,
    ignoresStopTokens: true,
    signal,
  };
  await using model = await load(reference, loadOptions(args, context));
  const answers: Answer[] = [];
  for (let round = 0; round <= rounds; round++) {
    terminal.progress(`Round ${round} of ${rounds}`);
    // nothing kept: otherwise only the first round would measure anything
    model.forget();
    const answer = await model.complete(messages, options);
    if (round > 0) answers.push(answer);
  }
  const views = viewsOf(model, rounds + 1);
  const { stats, title } = model;
  const backend = model.runtime.backend.info.description;
  const language = `wasm ${args.text("kernels") ?? "tuned"}`;
  const tower = `wasm tower ${model.runtime.towerPath}`;
  const answer = answers[0].tokens.slice(0, COMPARED_TOKENS).map(({ id }) => id);
  terminal.progress("Reading the same on the path that was measured");
  const trace = await model.trace(messages, { answer, signal });
  return { answers, views, stats, title, backend, language, tower, answer, trace };
}

/** The same input through floats alone, tower included. */
async function exactTrace(
  reference: string,
  { args, context, messages, answer }: Work & { readonly answer: readonly number[] },
): Promise<AnswerTrace> {
  context.terminal.progress("Reading the same on the float path");
  await using model = await load(reference, {
    ...loadOptions(args, context),
    kernels: "generic",
    tower: "float",
    cacheType: "f32",
  });
  return await model.trace(messages, { answer, signal: context.signal });
}

const METRICS = {
  patches: "NMSE of patches",
  rows: "NMSE of visual rows",
  first: "NMSE of logits",
  last: "NMSE of logits",
} as const satisfies Record<keyof AnswerTrace, string>;

function errorsOf(fast: AnswerTrace, exact: AnswerTrace): Parts["errors"] {
  const of = (stage: keyof AnswerTrace): PathError => ({
    metric: METRICS[stage],
    value: nmse(fast[stage], exact[stage]),
  });
  return { patches: of("patches"), rows: of("rows"), first: of("first"), last: of("last") };
}

function viewsOf(model: Model, requests: number): number {
  return model.stats.encodedViews / requests;
}

function figures(answers: readonly Answer[], parts: Parts, stats: Model["stats"]): Row[] {
  const { views, tower, language, errors } = parts;
  const row = (
    { name, unit, path, error }: Pick<Row, "name" | "unit" | "path" | "error">,
    of: (answer: Answer) => number,
  ): Row => ({ name, unit, ...summary(answers.map(of)), path, error });
  const both = `${tower}, ${language}`;
  const image = { path: "TypeScript", error: errors.patches };
  const encode = { path: tower, error: errors.rows };
  const text = { path: language, error: errors.first };
  const whole = { path: both, error: errors.first };
  return [
    row({ name: "preprocess", unit: "ms", ...image }, ({ timings }) => timings.preprocessMs),
    row({ name: "encode", unit: "ms a view", ...encode }, ({ timings }) => timings.encodeMs / Math.max(views, 1)),
    row(
      { name: "prefill", unit: "tokens/s", ...text },
      ({ timings, usage }) => (usage.promptTokens / timings.prefillMs) * 1000,
    ),
    row(
      { name: "decode", unit: "tokens/s", path: language, error: errors.last },
      ({ timings }) => timings.tokensPerSecond,
    ),
    row({ name: "first token", unit: "ms", ...whole }, ({ timings }) => timings.firstTokenMs),
    { name: "peak memory", unit: "MB", ...summary([stats.peakResidentBytes / 1e6]), ...whole },
    ...(stats.processPeakBytes === undefined
      ? []
      : [{ name: "peak of the process", unit: "MB", ...summary([stats.processPeakBytes / 1e6]), ...whole }]),
  ];
}

/** Median, extremes, and the distance of the quartiles divided by the median. */
function summary(values: readonly number[]): Pick<Row, "median" | "least" | "most" | "spread"> {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (part: number): number => {
    const place = part * (sorted.length - 1);
    const low = sorted[Math.floor(place)];
    return low + (sorted[Math.ceil(place)] - low) * (place % 1);
  };
  const median = at(0.5);
  return { median, least: at(0), most: at(1), spread: (at(0.75) - at(0.25)) / Math.max(median, Number.MIN_VALUE) };
}

function figure(value: number): string {
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}
