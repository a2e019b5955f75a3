import { createInterface } from "node:readline/promises";
import { AbortedError, MiniCpmError } from "../../base/errors.ts";
import type { ImagePart, Message } from "../../chat/message.ts";
import { ANSWER_FLAGS, chatOptions, imageParts, PICTURE_FLAGS } from "../answer-flags.ts";
import type { Arguments, Command, CommandContext } from "../command.ts";
import { EXIT } from "../errors.ts";
import { MODEL_FLAGS, openModel } from "../model-flags.ts";
import { noteError } from "../note-error.ts";
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
  // a pipe ends before its last lines are answered, and a closed prompt cannot be shown
  let isOpen = true;
  lines.on("close", () => {
    isOpen = false;
  });
  const prompt = (): void => {
    if (isOpen) lines.prompt();
  };
  let messages: readonly Message[] = [];
  let failures = 0;
  prompt();
  for await (const line of lines) {
    const text = line.trim();
    if (text === "/bye" || signal.aborted) break;
    if (text === "/clear") messages = [];
    else if (text.startsWith("/image ")) pictures = [...pictures, ...(await imageParts(args, [text.slice(7).trim()]))];
    else if (text.startsWith("/")) terminal.note(HELP);
    else if (text !== "") {
      const asked: readonly Message[] = [
        ...messages,
        { role: "user", content: pictures.length === 0 ? text : [...pictures, text] },
      ];
      pictures = [];
      try {
        const answer = await streamAnswer(model.chat(asked, options), terminal);
        messages = [...asked, { role: "assistant", content: answer.text, reasoning: answer.thinking || undefined }];
        if (args.has("stats")) terminal.note(statsText(answer, model));
      } catch (error) {
        // a picture that is none, or a message too long, costs its turn and not the conversation
        if (!(error instanceof MiniCpmError) || error instanceof AbortedError) throw error;
        failures++;
        noteError(error, terminal);
      }
    }
    prompt();
  }
  lines.close();
  return failures === 0 ? EXIT.done : EXIT.failed;
}
