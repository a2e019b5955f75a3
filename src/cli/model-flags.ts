import { setFlagsFromString } from "node:v8";
import { type LoadOptions, load } from "../chat/load.ts";
import type { Model } from "../chat/model.ts";
import { EMBEDDED_MODEL } from "../runtime/embedded-model.ts";
import type { Arguments, CommandContext, Flags } from "./command.ts";
import { UsageError } from "./errors.ts";
import { formatBytes, formatSeconds, parseBytes } from "./units.ts";

/** Options of every command that opens a model. */
export const MODEL_FLAGS = {
  model: {
    type: "string",
    short: "m",
    value: "MODEL",
    help: "folder, file, owner/name[:Q4_K_M] of a hub, address, or ollama name; the built-in pocket by default",
  },
  mmproj: { type: "string", value: "FILE", help: "vision tower of a GGUF model; found beside it by default" },
  context: { type: "string", short: "c", value: "N", help: "tokens of prompt and answer together (4096)" },
  threads: { type: "string", short: "t", value: "N", help: "threads, or auto" },
  load: { type: "string", value: "ORDER", help: "sequential (tower, then language model) or together" },
  kernels: { type: "string", value: "KIND", help: "tuned (8-bit integers for quantised weights) or generic (float)" },
  tower: { type: "string", value: "KIND", help: "F16 tower: float, int8, or auto (int8 where doctor found it sound)" },
  memory: { type: "string", value: "SIZE", help: "most memory to use, such as 2GiB" },
  downsample: { type: "string", value: "MODE", help: "16x or 4x (version 4.6)" },
  offline: { type: "boolean", help: "never use the network" },
} as const satisfies Flags;

/** The model that the flags or the environment name; the built-in one otherwise. */
export function modelName(args: Arguments, { env }: Pick<CommandContext, "env">, reference?: string): string {
  return args.text("model") ?? reference ?? env.MINICPMV_MODEL ?? EMBEDDED_MODEL;
}

/**
 * Short-lived objects get 2 MB and no more: while kernels are made V8 lets that part of its heap grow to 30 MB, which
 * stay taken for an answer that needs none of it. For this process alone: a library must not set it.
 */
const SMALL_YOUNG_GENERATION = "--semi-space-growth-factor=1";

/** Opens the model that the flags name, telling of downloads and loading, and of the built-in model, on stderr. */
export async function openModel(args: Arguments, context: CommandContext, reference?: string): Promise<Model> {
  setFlagsFromString(SMALL_YOUNG_GENERATION);
  const model = await load(modelName(args, context, reference), loadOptions(args, context));
  // nobody shall take its answers for MiniCPM-V's
  if (model.runtime.description.reader !== undefined) context.terminal.note(`Answered by ${model.title}.`);
  return model;
}

/** What the flags say of loading, with progress on stderr. */
export function loadOptions(args: Arguments, context: CommandContext): LoadOptions {
  const { terminal, signal } = context;
  const memory = args.text("memory");
  const downsample = choice(args, "downsample", ["16x", "4x"]);
  return {
    signal,
    isOffline: args.has("offline"),
    vision: args.text("mmproj"),
    contextLength: args.number("context"),
    threads: threadCount(args),
    memoryBytes: memory === undefined ? undefined : parseBytes(memory, "--memory"),
    load: choice(args, "load", ["sequential", "together"]),
    tower: choice(args, "tower", ["auto", "float", "int8"]),
    kernels: choice(args, "kernels", ["tuned", "generic"]),
    ...(downsample === undefined ? {} : { downsample }),
    onLoad: (part, done, total) =>
      terminal.progress(`Loading the ${part}: ${formatBytes(done)} of ${formatBytes(total)}`),
    onPlan: ({ repo, missingBytes, licence }) => {
      if (missingBytes === 0) return;
      terminal.note(`Fetching ${formatBytes(missingBytes)} of ${repo}. Licence: ${licence ?? "see the model's page"}.`);
    },
    onDownload: ({ name, receivedBytes, totalBytes, bytesPerSecond, secondsLeft }) => {
      const speed = bytesPerSecond === undefined ? "" : `, ${formatBytes(bytesPerSecond)}/s`;
      const left = secondsLeft === undefined ? "" : `, ${formatSeconds(secondsLeft)} left`;
      const of = totalBytes === undefined ? "" : ` of ${formatBytes(totalBytes)}`;
      terminal.progress(`${name}: ${formatBytes(receivedBytes)}${of}${speed}${left}`);
    },
  };
}

/** What --threads says. Throws UsageError. */
export function threadCount(args: Arguments): number | "auto" {
  const text = args.text("threads");
  return text === undefined || text === "auto" ? "auto" : count(text, "--threads");
}

/** One of a few words. Throws UsageError. */
export function choice<T extends string>(args: Arguments, flag: string, allowed: readonly T[]): T | undefined {
  const text = args.text(flag);
  if (text === undefined) return undefined;
  const found = allowed.find((word) => word === text);
  if (found === undefined) throw new UsageError(`--${flag} ${text} is unknown.`, `Choose ${allowed.join(" or ")}.`);
  return found;
}

/** A whole number of at least 1. Throws UsageError. */
export function count(text: string, flag: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1) return value;
  throw new UsageError(`${flag} ${JSON.stringify(text)} is not a count.`, "Write a whole number of at least 1.");
}
