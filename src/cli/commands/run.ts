import { stat } from "node:fs/promises";
import type { Answer } from "../../chat/answer.ts";
import { READ_QUESTION } from "../../chat/field-questions.ts";
import type { Model } from "../../chat/model.ts";
import { EMBEDDED_MODEL } from "../../runtime/embedded-model.ts";
import { ANSWER_FLAGS, chatOptions, imageParts, PICTURE_FLAGS } from "../answer-flags.ts";
import type { Arguments, Command, CommandContext } from "../command.ts";
import { EXIT, UsageError } from "../errors.ts";
import { MODEL_FLAGS, modelName, openModel } from "../model-flags.ts";
import { readingsText } from "../shown-text.ts";
import { statsText } from "../stats-text.ts";
import { streamAnswer } from "../stream-answer.ts";
import type { Terminal } from "../terminal.ts";

/** `minicpmv run photo.jpg "What is this?"` */
export const runCommand: Command = {
  name: "run",
  summary: "Asks one question about one or several pictures, or about none.",
  usage: '[PICTURE...] ["QUESTION"] [-m MODEL]',
  flags: {
    ...MODEL_FLAGS,
    prompt: { type: "string", short: "p", value: "TEXT", help: "the question, instead of the last argument" },
    ...PICTURE_FLAGS,
    ...ANSWER_FLAGS,
    json: { type: "boolean", help: "print the answer, its tokens and timings as JSON" },
    stats: { type: "boolean", help: "tell of time and memory on stderr" },
  },
  examples: [
    'minicpmv run receipt.jpg "What is the total?"',
    'minicpmv run photo.jpg "What is this?" -m openbmb/MiniCPM-V-4.6-gguf',
    'minicpmv run -m model.gguf --mmproj mmproj.gguf -i receipt.png -p "Read this." --temp 0',
    'cat page.png | minicpmv run - "Which date is on this page?" -m ./model-folder --json',
    'minicpmv run one.jpg two.jpg "What has changed?" -m ollama:minicpm-v',
  ],
  run,
};

async function run(args: Arguments, context: CommandContext): Promise<number> {
  const { paths, question } = await pictureAndQuestion(args, modelName(args, context) === EMBEDDED_MODEL);
  const options = await chatOptions(args, context.signal);
  const pictures = await imageParts(args, paths);
  await using model = await openModel(args, context);
  const messages = [{ role: "user", content: pictures.length === 0 ? question : [...pictures, question] }] as const;
  const answer = args.has("json")
    ? await model.complete(messages, options)
    : await streamAnswer(model.chat(messages, options), context.terminal, { hidesMarks: isReader(model) });
  if (args.has("json")) context.terminal.out(`${JSON.stringify(report(answer, model), null, 2)}\n`);
  else if (isReader(model)) noteReadings(answer, model, context.terminal);
  if (args.has("stats")) context.terminal.note(statsText(answer, model));
  return EXIT.done;
}

function isReader({ runtime }: Model): boolean {
  return runtime.description.reader !== undefined;
}

/** Where values stand and how likely they are right, beside the answer. */
function noteReadings(answer: Answer, model: Model, terminal: Terminal): void {
  const text = readingsText(model.readings(answer));
  if (text !== "") terminal.note(text);
}

function report(answer: Answer, model: Model): unknown {
  const { text, thinking, finishReason, places, logProbability, usage, timings, tokens } = answer;
  return {
    model: model.title,
    text,
    ...(isReader(model) ? { readings: model.readings(answer) } : {}),
    ...(thinking === "" ? {} : { thinking }),
    ...(places.length === 0
      ? {}
      : { places: places.map(({ kind, label, pixels, box }) => ({ kind, label, pixels, box })) }),
    finishReason,
    logProbability,
    usage,
    timings,
    stats: model.stats,
    tokens: tokens.map(({ id, logProbability: log }) => ({ id, logProbability: log })),
  };
}

/** The last argument is the question; those before it are pictures. With --prompt, and with one for the reader, all are. */
async function pictureAndQuestion(
  args: Arguments,
  isReading: boolean,
): Promise<{ paths: readonly string[]; question: string }> {
  const given = args.text("prompt");
  const paths = [...args.texts("image")];
  if (given !== undefined) return { paths: [...paths, ...args.positionals], question: given };
  const question = args.positionals.at(-1);
  if (question === undefined) {
    throw new UsageError("There is no question.", 'Write minicpmv run photo.jpg "What is this?" -m MODEL.');
  }
  const isFile = (await stat(question).catch(() => undefined))?.isFile() ?? false;
  if ((isFile || question === "-") && isReading) {
    return { paths: [...paths, ...args.positionals], question: READ_QUESTION };
  }
  if (isFile || question === "-") {
    throw new UsageError(
      `The last argument, ${question}, is a file, not a question.`,
      "Put the question last, or use -p.",
    );
  }
  return { paths: [...paths, ...args.positionals.slice(0, -1)], question };
}
