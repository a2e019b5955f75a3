import { ANSWER_FLAGS, chatOptions, imageParts, PICTURE_FLAGS, readSchema } from "../answer-flags.ts";
import type { Arguments, Command, CommandContext } from "../command.ts";
import { EXIT, UsageError } from "../errors.ts";
import { MODEL_FLAGS, openModel } from "../model-flags.ts";
import { boxText } from "../shown-text.ts";
import { table } from "../units.ts";

/** `minicpmv extract receipt.png --json-schema receipt.json` */
export const extractCommand: Command = {
  name: "extract",
  summary: "Reads a picture into the form of a JSON schema, with a confidence for each value.",
  usage: "PICTURE --json-schema SCHEMA [-m MODEL]",
  flags: {
    ...MODEL_FLAGS,
    ...PICTURE_FLAGS,
    ...ANSWER_FLAGS,
    prompt: { type: "string", short: "p", value: "TEXT", help: "what to look for" },
    boxes: { type: "boolean", help: "ask for the place of each value too" },
    json: { type: "boolean", help: "print value, fields, confidences and boxes as JSON" },
  },
  examples: [
    "minicpmv extract receipt.png --json-schema receipt.schema.json",
    "minicpmv extract receipt.png --json-schema receipt.schema.json -m openbmb/MiniCPM-V-4.6-gguf",
    `minicpmv extract sign.jpg --json-schema '{"type":"object","properties":{"text":{"type":"string"}}}' -m MODEL --json`,
  ],
  run,
};

async function run(args: Arguments, context: CommandContext): Promise<number> {
  const { terminal, signal } = context;
  const schema = args.text("json-schema");
  if (schema === undefined) throw new UsageError("No schema is given.", "Pass --json-schema FILE or the text itself.");
  const [picture, ...more] = await imageParts(args, [...args.texts("image"), ...args.positionals]);
  if (picture === undefined || more.length > 0) {
    throw new UsageError(`${more.length + (picture ? 1 : 0)} pictures are given.`, "Name one picture.");
  }
  const parsed = await readSchema(schema);
  const options = { ...(await chatOptions(args, signal)), schema: undefined };
  await using model = await openModel(args, context);
  const { value, fields } = await model.extract(picture, parsed as Readonly<Record<string, unknown>>, {
    ...options,
    question: args.text("prompt"),
    boxes: args.has("boxes"),
  });
  if (args.has("json")) {
    terminal.out(`${JSON.stringify({ model: model.title, value, fields }, null, 2)}\n`);
    return EXIT.done;
  }
  terminal.out(`${JSON.stringify(value, null, 2)}\n`);
  const rows = fields.map(({ path, value: read, confidence, isShown, box }) => [
    path.join("."),
    isShown ? JSON.stringify(read) : "not shown",
    confidence.toFixed(3),
    box === undefined ? "" : boxText(box),
  ]);
  terminal.note(table(["field", "value", "confidence", "box"], rows));
  return EXIT.done;
}
