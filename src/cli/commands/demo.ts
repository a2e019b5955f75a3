import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { READ_QUESTION } from "../../chat/field-questions.ts";
import { backendOn, load } from "../../chat/load.ts";
import type { ImagePart } from "../../chat/message.ts";
import { EMBEDDED_MODEL } from "../../runtime/embedded-model.ts";
import { measureRate } from "../../runtime/measure.ts";
import { hasEmbeddedModel } from "../../runtime/node/embedded-folder.ts";
import { nodePlatform } from "../../runtime/node/node-platform.ts";
import type { Arguments, Command, CommandContext } from "../command.ts";
import { EXIT } from "../errors.ts";
import { readingsText } from "../shown-text.ts";
import { statsText } from "../stats-text.ts";
import { streamAnswer } from "../stream-answer.ts";
import { testPictures } from "../test-pictures.ts";

/** `minicpmv demo`, which `npm start` runs. */
export const demoCommand: Command = {
  name: "demo",
  summary: "Reads a picture of printed text with the built-in model, or shows the engine at work where there is none.",
  usage: '[PICTURE] ["QUESTION"]',
  flags: {},
  examples: ["minicpmv demo", 'minicpmv demo receipt.jpg "What is the total?"'],
  run,
};

const MEASURE_MS = 500;

async function run(args: Arguments, context: CommandContext): Promise<number> {
  return hasEmbeddedModel() ? answer(args, context) : showEngine(args, context);
}

async function answer(args: Arguments, { terminal, signal }: CommandContext): Promise<number> {
  const [path, question] = args.positionals;
  const sample = path === undefined ? await samplePicture() : undefined;
  const startMs = performance.now();
  await using model = await load(EMBEDDED_MODEL, { signal });
  const loadedMs = performance.now();
  const asked = question ?? sample?.question ?? READ_QUESTION;
  terminal.note(`${model.title}. It is not MiniCPM-V.`);
  terminal.note(`${sample?.about ?? path}: ${asked}`);
  const image = sample?.image ?? { image: path ?? "" };
  const events = model.chat([{ role: "user", content: [image, asked] }], { signal });
  const said = await streamAnswer(events, terminal, { hidesMarks: true });
  const readings = readingsText(model.readings(said));
  if (readings !== "") terminal.note(readings);
  const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
  terminal.note(
    `${seconds} s from start to end, ${((loadedMs - startMs) / 1000).toFixed(1)} s of them opening the model`,
  );
  terminal.note(statsText(said, model));
  return EXIT.done;
}

interface SamplePicture {
  readonly image: ImagePart;
  readonly question: string;
  readonly about: string;
}

/** The picture that comes with the sources and the package; a drawn one where it is missing. */
async function samplePicture(): Promise<SamplePicture> {
  const folder = new URL("../../../examples/", import.meta.url);
  try {
    const { picture, question, about } = JSON.parse(await readFile(new URL("page.json", folder), "utf8"));
    return {
      image: { image: fileURLToPath(new URL(picture, folder)) },
      question,
      about: `examples/${picture}, ${about}`,
    };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    return { image: { image: testPictures()[0].image }, question: READ_QUESTION, about: "A drawn chart" };
  }
}

/** What Node 20 lacks and what that costs; nothing where the engine has it. */
export function newerEngine(description: string): readonly string[] {
  if (!description.includes("plain SIMD")) return [];
  return [
    `note     Node ${process.versions.node} has no relaxed SIMD: Node 22 or newer computes 8-bit products faster.`,
  ];
}

async function showEngine(args: Arguments, { terminal }: CommandContext): Promise<number> {
  const platform = nodePlatform();
  using backend = await backendOn(platform, {});
  const rate = await measureRate(backend, () => platform.nowMs(), MEASURE_MS);
  terminal.out(
    [
      `There is no embedded model in this build, so this shows the engine alone${args.positionals.length > 0 ? `; ${args.positionals[0]} was not read` : ""}.`,
      `backend  ${backend.info.description}; its answer to a known product is right`,
      `speed    ${(rate / 1e9).toFixed(1)} billion float operations a second`,
      ...newerEngine(backend.info.description),
      "next     minicpmv models lists what can be fetched; minicpmv run --help shows how to ask.",
      "",
    ].join("\n"),
  );
  return EXIT.done;
}
