import { createInterface } from "node:readline/promises";
import type { ImagePart, Message } from "../../chat/message.ts";
import { ANSWER_FLAGS, chatOptions, imageParts, PICTURE_FLAGS } from "../answer-flags.ts";
import type { Arguments, Command, CommandContext } from "../command.ts";
import { EXIT } from "../errors.ts";
import { MODEL_FLAGS, openModel } from "../model-flags.ts";
import { statsText } from "../stats-text.ts";
import { streamAnswer } from "../stream-answer.ts";

/** `minicpmv chat -m MODEL` */
export const chatCommand: Command = {
  name: "chat",
  summary: "Talks with a model over several turns; pictures are read once.",
  usage: "[PICTURE...] -m MODEL",
  flags: {
    ...MODEL_FLAGS,
    ...PICTURE_FLAGS,
    ...ANSWER_FLAGS,
    stats: { type: "boolean", help: "tell of time and memory after each answer" },
  },
  examples: ["minicpmv chat photo.jpg -m openbmb/MiniCPM-V-4.6-gguf", "minicpmv chat -m ./model-folder --thinking"],
  run,
};

const HELP = "/image FILE adds a picture to your next message, /clear forgets the conversation, /bye ends.";

async function run(args: Arguments, context: CommandContext): Promise<number> {
  const { terminal, signal } = context;
  const options = await chatOptions(args, signal);
  let pictures: readonly ImagePart[] = await imageParts(args, [...args.texts("image"), ...args.positionals]);
  await using model = await openModel(args, context);
  terminal.note(`${model.title}. ${HELP}`);
  const lines = createInterface({ input: process.stdin, output: process.stderr, prompt: "> " });
  // Ctrl-C at the prompt reaches readline first
  lines.on("SIGINT", () => process.emit("SIGINT"));
  signal.addEventListener("abort", () => lines.close());
  let messages: readonly Message[] = [];
  lines.prompt();
  for await (const line of lines) {
    const text = line.trim();
    if (text === "/bye") break;
    if (text === "/clear") messages = [];
    else if (text.startsWith("/image ")) pictures = [...pictures, ...(await imageParts(args, [text.slice(7).trim()]))];
    else if (text.startsWith("/")) terminal.note(HELP);
    else if (text !== "") {
      const asked: readonly Message[] = [
        ...messages,
        { role: "user", content: pictures.length === 0 ? text : [...pictures, text] },
      ];
      const answer = await streamAnswer(model.chat(asked, options), terminal);
      messages = [...asked, { role: "assistant", content: answer.text, reasoning: answer.thinking || undefined }];
      pictures = [];
      if (args.has("stats")) terminal.note(statsText(answer, model));
    }
    lines.prompt();
  }
  lines.close();
  return EXIT.done;
}
