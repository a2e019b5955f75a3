import type { TokenId } from "../../base/brand.ts";
import { nodePlatform } from "../../runtime/node/node-platform.ts";
import { openFiles } from "../../runtime/open-files.ts";
import type { Tokenizer } from "../../tokenizer/tokenizer.ts";
import { readStdin } from "../answer-flags.ts";
import type { Arguments, Command, CommandContext } from "../command.ts";
import { EXIT, UsageError } from "../errors.ts";

/** `minicpmv tokenize "some text" -m MODEL` */
export const tokenizeCommand: Command = {
  name: "tokenize",
  summary: "Shows the tokens of a text. Reads the vocabulary alone, no weights.",
  usage: '"TEXT" -m MODEL',
  flags: {
    model: { type: "string", short: "m", value: "MODEL", help: "folder, file, hub reference or ollama name" },
    special: { type: "boolean", help: "recognise special tokens written in the text" },
    ids: { type: "boolean", help: "print the ids alone" },
    json: { type: "boolean", help: "print ids and pieces as JSON" },
    offline: { type: "boolean", help: "never use the network" },
  },
  examples: ['minicpmv tokenize "Hello, 世界" -m model.gguf', "cat text.txt | minicpmv tokenize - -m model.gguf --ids"],
  run,
};

async function run(args: Arguments, { terminal, env }: CommandContext): Promise<number> {
  const model = args.text("model") ?? env.MINICPMV_MODEL;
  const [given] = args.positionals;
  if (model === undefined || given === undefined) {
    throw new UsageError("A text and a model are needed.", 'minicpmv tokenize "Hello" -m MODEL');
  }
  const text = given === "-" ? new TextDecoder().decode(await readStdin()) : given;
  const platform = nodePlatform();
  const parts = await platform.locate(model, { isOffline: args.has("offline") });
  const { tokenizer, language, vision } = await openFiles(parts, platform);
  await language.close();
  await vision?.close();
  const ids = tokenizer.encode(text, { parseSpecial: args.has("special") });
  const pieces = ids.map((id) => ({ id, piece: pieceOf(tokenizer, id) }));
  if (args.has("json")) terminal.out(`${JSON.stringify(pieces)}\n`);
  else if (args.has("ids")) terminal.out(`${ids.join(" ")}\n`);
  else {
    for (const { id, piece } of pieces) terminal.out(`${String(id).padStart(7)}  ${JSON.stringify(piece)}\n`);
    terminal.note(`${ids.length} tokens`);
  }
  return EXIT.done;
}

/** Text of a token; bytes that are no whole character are written as <E4>. */
function pieceOf(tokenizer: Tokenizer, id: TokenId): string {
  const bytes = tokenizer.tokenBytes(id);
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return Array.from(bytes, (byte) => `<${byte.toString(16).toUpperCase().padStart(2, "0")}>`).join("");
  }
}
