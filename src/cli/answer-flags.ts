import { readFile } from "node:fs/promises";
import type { ChatOptions } from "../chat/chat-options.ts";
import type { ImagePart } from "../chat/message.ts";
import type { Arguments, Flags } from "./command.ts";
import { UsageError } from "./errors.ts";
import { choice } from "./model-flags.ts";

/** How pictures are cut. */
export const PICTURE_FLAGS = {
  image: {
    type: "string",
    short: "i",
    multiple: true,
    value: "FILE",
    help: "a picture; - reads stdin; may be repeated",
  },
  "max-slices": { type: "string", value: "N", help: "most slices beside the overview" },
  detail: { type: "string", value: "LEVEL", help: "low (overview alone), auto or high" },
  "ignore-orientation": { type: "boolean", help: "leave EXIF orientation aside, as the released code does" },
} as const satisfies Flags;

/** How answers are chosen. */
export const ANSWER_FLAGS = {
  "max-tokens": { type: "string", short: "n", value: "N", help: "most tokens of the answer" },
  "min-tokens": { type: "string", value: "N", help: "fewest tokens of the answer" },
  temp: { type: "string", value: "X", help: "temperature; 0 takes the most likely token" },
  "top-k": { type: "string", value: "N", help: "most likely tokens kept; 0 keeps all" },
  "top-p": { type: "string", value: "X", help: "share of probability kept" },
  "min-p": { type: "string", value: "X", help: "least probability beside the best token's" },
  "repeat-penalty": { type: "string", value: "X", help: "penalty of tokens that were generated already; 1 is none" },
  seed: { type: "string", short: "s", value: "N", help: "seed of the sampler (0)" },
  beams: { type: "string", value: "N", help: "beam search with N beams" },
  stop: { type: "string", multiple: true, value: "TEXT", help: "text that ends the answer; may be repeated" },
  system: { type: "string", value: "TEXT", help: "system prompt" },
  thinking: { type: "boolean", help: "let the model think first, where it can (--no-thinking: not)" },
  "json-schema": {
    type: "string",
    value: "SCHEMA",
    help: "the answer is JSON of this schema: a file, or the text itself",
  },
} as const satisfies Flags;

/** Settings of an answer that the flags name. */
export async function chatOptions(args: Arguments, signal: AbortSignal): Promise<ChatOptions> {
  const schema = args.text("json-schema");
  return {
    signal,
    maxNewTokens: args.number("max-tokens"),
    minNewTokens: args.number("min-tokens"),
    temperature: args.number("temp"),
    topK: args.number("top-k"),
    topP: args.number("top-p"),
    minP: args.number("min-p"),
    repetitionPenalty: args.number("repeat-penalty"),
    seed: args.number("seed"),
    beams: args.number("beams"),
    stop: args.texts("stop"),
    systemPrompt: args.text("system"),
    thinking: args.flag("thinking"),
    ...(schema === undefined ? {} : { schema: await readSchema(schema) }),
  };
}

/** Pictures that the flags and positionals name. */
export async function imageParts(args: Arguments, paths: readonly string[]): Promise<ImagePart[]> {
  const control = {
    maxSlices: args.number("max-slices"),
    detail: choice(args, "detail", ["low", "auto", "high"]),
    applyOrientation: !args.has("ignore-orientation"),
  };
  const parts: ImagePart[] = [];
  for (const path of paths) parts.push({ image: path === "-" ? await readStdin() : path, ...control });
  return parts;
}

export async function readStdin(): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk);
  return new Uint8Array(Buffer.concat(chunks));
}

/** A JSON text, or the name of a file with one. Throws UsageError. */
export async function readSchema(text: string): Promise<unknown> {
  const json = text.trimStart().startsWith("{") ? text : await readFile(text, "utf8");
  try {
    return JSON.parse(json);
  } catch (cause) {
    throw new UsageError(`The schema is not JSON: ${String(cause)}.`, "Check its brackets and quotes.");
  }
}
