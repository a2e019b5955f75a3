import { readdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { backendOn, load } from "../../chat/load.ts";
import { measureRate } from "../../runtime/measure.ts";
import { nodePlatform } from "../../runtime/node/node-platform.ts";
import type { Arguments, Command, CommandContext } from "../command.ts";
import { EXIT } from "../errors.ts";
import { statsText } from "../stats-text.ts";
import { streamAnswer } from "../stream-answer.ts";
import { testPictures } from "../test-pictures.ts";

/** `minicpmv demo`, which `npm start` runs. */
export const demoCommand: Command = {
  name: "demo",
  summary: "Answers about a picture with the model that comes with the sources, or shows the engine at work.",
  usage: '[PICTURE] ["QUESTION"]',
  flags: {},
  examples: ["minicpmv demo", 'minicpmv demo photo.jpg "What is this?"'],
  run,
};

const MEASURE_MS = 500;

async function run(args: Arguments, context: CommandContext): Promise<number> {
  // from sources and from dist alike, models/ lies beside the folder that holds cli/
  const folder = fileURLToPath(new URL("../../../models/pocket", import.meta.url));
  const hasModel = (await readdir(folder).catch(() => [])).some((name) => /\.(gguf|safetensors)$/.test(name));
  return hasModel ? answer(folder, args, context) : showEngine(context);
}

async function answer(folder: string, args: Arguments, { terminal, signal }: CommandContext): Promise<number> {
  const [path, question = "What does the picture show?"] = args.positionals;
  const picture = path === undefined ? testPictures()[0] : undefined;
  await using model = await load(folder, { signal });
  terminal.note(
    `${model.title}, the model in models/pocket. ${picture === undefined ? path : "A drawn chart"}: ${question}`,
  );
  const image = picture === undefined ? { image: path ?? "" } : picture.image;
  const events = model.chat([{ role: "user", content: [image, question] }], { temperature: 0, signal });
  terminal.note(statsText(await streamAnswer(events, terminal), model));
  return EXIT.done;
}

/** What Node 20 lacks and what that costs; nothing where the engine has it. */
export function newerEngine(description: string): readonly string[] {
  if (!description.includes("plain SIMD")) return [];
  return [
    `note     Node ${process.versions.node} has no relaxed SIMD: Node 22 or newer computes 8-bit products faster.`,
  ];
}

async function showEngine({ terminal }: CommandContext): Promise<number> {
  const platform = nodePlatform();
  using backend = await backendOn(platform, {});
  const rate = await measureRate(backend, () => platform.nowMs(), MEASURE_MS);
  terminal.out(
    [
      "No embedded model is here yet, so this shows the engine alone.",
      `backend  ${backend.info.description}; its answer to a known product is right`,
      `speed    ${(rate / 1e9).toFixed(1)} billion float operations a second`,
      ...newerEngine(backend.info.description),
      "next     minicpmv models lists what can be fetched; minicpmv run --help shows how to ask.",
      "",
    ].join("\n"),
  );
  return EXIT.done;
}
