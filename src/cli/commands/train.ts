import { totalmem } from "node:os";
import { join } from "node:path";
import { imagePlaceholder } from "../../chat/placeholders.ts";
import type { FineTuneOutcome } from "../../train/run/fine-tune.ts";
import type { TrainingRow } from "../../train/run/training-log.ts";
import type { Arguments, Command, CommandContext } from "../command.ts";
import { EXIT, UsageError } from "../errors.ts";
import { choice } from "../model-flags.ts";
import { trainingBackend } from "../training-backend.ts";
import { lineDisplay, liveDisplay, type TrainingDisplay } from "../training-view.ts";
import { parseBytes } from "../units.ts";

/** `minicpmv train recipe.json` */
export const trainCommand: Command = {
  name: "train",
  summary: "Trains or fine-tunes a model as a recipe says, or plans what that will take.",
  usage: "RECIPE [--run FOLDER]",
  flags: {
    run: { type: "string", short: "r", value: "FOLDER", help: "keeps the run (runs/NAME); one that is there goes on" },
    "dry-run": { type: "boolean", help: "plan only: steps, memory and time on several machines" },
    backend: { type: "string", value: "KIND", help: "onnx (several times faster), wasm, or auto" },
    threads: {
      type: "string",
      short: "t",
      value: "N",
      help: "threads; a run that goes on gives the same bits with the same number",
    },
    "save-every": { type: "string", value: "MINUTES", help: "time between saves (5)" },
    memory: { type: "string", value: "SIZE", help: "refuse stages planned to need more (what this machine has)" },
    "ignore-memory": { type: "boolean", help: "train whatever memory is planned" },
    json: { type: "boolean", help: "print the plan, or every step, as JSON" },
  },
  examples: [
    "minicpmv train receipts.json",
    "minicpmv train receipts.json --run runs/second-try --threads 2",
    "minicpmv train recipes/minicpm-llama3-v2_5.json --dry-run",
  ],
  run,
};

async function run(args: Arguments, context: CommandContext): Promise<number> {
  const [path] = args.positionals;
  if (path === undefined) throw new UsageError("No recipe is named.", "minicpmv train RECIPE [--run FOLDER]");
  return args.has("dry-run") ? plan(path, args, context) : train(path, args, context);
}

async function plan(path: string, args: Arguments, { terminal }: CommandContext): Promise<number> {
  const { readRecipe } = await import("../../train/run/recipe-file.ts");
  const { describePlan, planRecipe } = await import("../../train/recipe/plan-recipe.ts");
  const planned = planRecipe(await readRecipe(path));
  terminal.out(args.has("json") ? `${JSON.stringify(planned, null, 2)}\n` : `${describePlan(planned).join("\n")}\n`);
  return EXIT.done;
}

async function train(path: string, args: Arguments, context: CommandContext): Promise<number> {
  const { fineTune } = await import("../../train/run/fine-tune.ts");
  const { openRecipe } = await import("../../train/run/recipe-file.ts");
  const { terminal } = context;
  const { name } = await openRecipe(path);
  const folder = args.text("run") ?? join("runs", name);
  const saveEvery = args.number("save-every");
  const memoryBytes = memoryLimit(args);
  using stop = stopSignal(context.signal);
  const kind = choice(args, "backend", ["auto", "onnx", "wasm"]) ?? "auto";
  using backend = await trainingBackend(kind, args.text("threads"), (text) => terminal.note(text));
  const display = displayOf(args, context, () => stop.signal.aborted);
  let last: TrainingRow | undefined;
  try {
    const outcome = await fineTune({
      recipePath: path,
      folder,
      backend,
      pictureText: imagePlaceholder,
      memoryBytes,
      signal: stop.signal,
      ...(saveEvery === undefined ? {} : { saveEveryMs: saveEvery * 60_000 }),
      onBegin: (text) => terminal.note(`${text} ${backend.info.description}. Run: ${folder}`),
      onStep: (row, place) => {
        last = row;
        display.step(row, place);
      },
    });
    display.end();
    terminal.note(endText(outcome, { last, folder, path }).join("\n"));
    return outcome.isComplete ? EXIT.done : EXIT.interrupted;
  } catch (error) {
    display.end();
    throw error;
  }
}

/** What the machine has, or the group of processes that this one is in; undefined where the user wants no limit. */
function memoryLimit(args: Arguments): number | undefined {
  if (args.has("ignore-memory")) return undefined;
  const text = args.text("memory");
  if (text !== undefined) return parseBytes(text, "--memory");
  // 0 or a huge number where no limit is set
  const group = process.constrainedMemory();
  return group > 0 ? Math.min(group, totalmem()) : totalmem();
}

/** Ctrl-C, and the signal that a system sends before it ends a process. */
function stopSignal(given: AbortSignal): Disposable & { readonly signal: AbortSignal } {
  const controller = new AbortController();
  const stop = (): void => controller.abort();
  if (given.aborted) stop();
  given.addEventListener("abort", stop);
  process.once("SIGTERM", stop);
  return {
    signal: controller.signal,
    [Symbol.dispose]: () => {
      given.removeEventListener("abort", stop);
      process.off("SIGTERM", stop);
    },
  };
}

function displayOf(args: Arguments, { terminal }: CommandContext, isStopping: () => boolean): TrainingDisplay {
  const write = (text: string): void => terminal.out(text);
  if (args.has("json")) return { step: (row) => write(`${JSON.stringify(row)}\n`), end: () => undefined };
  const nowMs = (): number => performance.now();
  if (terminal.isLive) return liveDisplay({ write, canvas: terminal, nowMs, isStopping });
  return lineDisplay({ write, nowMs });
}

interface EndOfRun {
  readonly last: TrainingRow | undefined;
  readonly folder: string;
  readonly path: string;
}

function endText(
  { isComplete, position, written }: FineTuneOutcome,
  { last, folder, path }: EndOfRun,
): readonly string[] {
  const loss = last === undefined ? "" : `, loss ${last.loss.toFixed(4)}`;
  const files = [`report  ${join(folder, "report.html")}`, `log     ${join(folder, "log.jsonl")}`];
  if (!isComplete) {
    return [`Saved after step ${position.step}${loss}. The same command goes on: minicpmv train ${path}`, ...files];
  }
  const [model] = written;
  return [
    `Complete: ${position.step} steps${loss}.`,
    ...written.map((name) => `wrote   ${name}`),
    ...files,
    `try     minicpmv run PICTURE "QUESTION" -m ${model}`,
  ];
}
