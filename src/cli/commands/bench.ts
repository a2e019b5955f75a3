import type { Answer } from "../../chat/answer.ts";
import type { Message } from "../../chat/message.ts";
import type { Model } from "../../chat/model.ts";
import { lockTraining } from "../../train/run/training-lock.ts";
import { imageParts, PICTURE_FLAGS } from "../answer-flags.ts";
import type { Arguments, Command, CommandContext } from "../command.ts";
import { EXIT } from "../errors.ts";
import { MODEL_FLAGS, openModel } from "../model-flags.ts";
import { testPictures } from "../test-pictures.ts";
import { formatBytes, table } from "../units.ts";

/** `minicpmv bench -m MODEL -i photo.jpg` */
export const benchCommand: Command = {
  name: "bench",
  summary: "Measures a model on this machine: pictures, prompt, answer and memory.",
  usage: "-m MODEL [-i PICTURE]",
  flags: {
    ...MODEL_FLAGS,
    ...PICTURE_FLAGS,
    "max-tokens": { type: "string", short: "n", value: "N", help: "tokens of each answer (32)" },
    rounds: { type: "string", short: "r", value: "N", help: "rounds after a first one that does not count (3)" },
    json: { type: "boolean", help: "print every figure as JSON" },
  },
  examples: [
    "minicpmv bench -m openbmb/MiniCPM-V-4.6-gguf",
    "minicpmv bench -m model.gguf --mmproj mmproj.gguf -i photo.jpg -r 5 --json",
  ],
  run,
};

/** One measured quantity: median and extremes over the rounds. */
interface Row {
  readonly name: string;
  readonly unit: string;
  readonly median: number;
  readonly least: number;
  readonly most: number;
}

/** Neither a training nor a benchmark starts beside the other. Throws TrainingRunningError. */
async function run(args: Arguments, context: CommandContext): Promise<number> {
  const lock = await lockTraining();
  try {
    return await measure(args, context);
  } finally {
    await lock.release();
  }
}

async function measure(args: Arguments, context: CommandContext): Promise<number> {
  const { terminal, signal } = context;
  const rounds = args.number("rounds") ?? 3;
  const given = await imageParts(args, [...args.texts("image"), ...args.positionals]);
  const pictures = given.length > 0 ? given : [{ image: testPictures()[0].image }];
  const options = {
    temperature: 0,
    repetitionPenalty: 1,
    maxNewTokens: args.number("max-tokens") ?? 32,
    ignoresStopTokens: true,
    signal,
  };
  await using model = await openModel(args, context);
  const answers: Answer[] = [];
  for (let round = 0; round <= rounds; round++) {
    terminal.progress(`Round ${round} of ${rounds}`);
    // nothing kept: otherwise only the first round would measure anything
    model.forget();
    const messages: readonly Message[] = [{ role: "user", content: [...pictures, "Describe this picture."] }];
    const answer = await model.complete(messages, options);
    if (round > 0) answers.push(answer);
  }
  const rows = figures(answers, viewsOf(model, rounds + 1));
  const { stats } = model;
  const path = model.runtime.backend.info.description;
  if (args.has("json")) {
    const report = { model: model.title, path, kernels: args.text("kernels") ?? "tuned", rows, stats };
    terminal.out(`${JSON.stringify(report, null, 2)}\n`);
    return EXIT.done;
  }
  terminal.out(`${model.title}, ${path}, ${rounds} rounds\n`);
  terminal.out(
    `${table(
      ["quantity", "median", "least", "most", "unit"],
      rows.map(({ name, median, least, most, unit }) => [name, ...[median, least, most].map(figure), unit]),
    )}\n`,
  );
  terminal.out(
    `memory ${formatBytes(stats.peakResidentBytes)} at most, ${formatBytes(stats.plannedPeakBytes)} planned\n`,
  );
  terminal.note("The error of the fast path against the float path on these files: minicpmv doctor.");
  return EXIT.done;
}

function viewsOf(model: Model, requests: number): number {
  return model.stats.encodedViews / requests;
}

function figures(answers: readonly Answer[], views: number): Row[] {
  const row = (name: string, unit: string, of: (answer: Answer) => number): Row => {
    const values = answers.map(of).sort((a, b) => a - b);
    return {
      name,
      unit,
      median: values[Math.floor(values.length / 2)],
      least: values[0],
      most: values[values.length - 1],
    };
  };
  return [
    row("preprocess", "ms", ({ timings }) => timings.preprocessMs),
    row("encode", "ms a view", ({ timings }) => timings.encodeMs / Math.max(views, 1)),
    row("prefill", "tokens/s", ({ timings, usage }) => (usage.promptTokens / timings.prefillMs) * 1000),
    row("decode", "tokens/s", ({ timings }) => timings.tokensPerSecond),
    row("first token", "ms", ({ timings }) => timings.firstTokenMs),
  ];
}

function figure(value: number): string {
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}
