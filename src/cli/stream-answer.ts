import { invariant } from "../base/invariant.ts";
import type { Answer, ChatEvent } from "../chat/answer.ts";
import { MarkFilter } from "./shown-text.ts";
import { stageText, type Terminal } from "./terminal.ts";

/**
 * Shows an answer as it comes: thoughts dimmed on stderr, the answer on stdout, without the marks of places where they
 * are told apart from it. Gives the whole answer.
 */
export async function streamAnswer(
  events: AsyncIterable<ChatEvent>,
  terminal: Terminal,
  { hidesMarks = false }: { readonly hidesMarks?: boolean } = {},
): Promise<Answer> {
  let answer: Answer | undefined;
  const marks = new MarkFilter();
  let isThinking = false;
  for await (const event of events) {
    switch (event.type) {
      case "progress":
        terminal.progress(stageText(event.stage, event.done, event.total));
        break;
      case "thinking":
        if (!isThinking) terminal.note(terminal.paint("dim", "Thinking:"));
        isThinking = true;
        terminal.aside(terminal.paint("dim", terminal.safe(event.text)));
        break;
      case "text":
        if (isThinking) terminal.note("");
        isThinking = false;
        terminal.out(terminal.safe(hidesMarks ? marks.push(event.text) : event.text));
        break;
      case "token":
        break;
      case "done":
        answer = event.answer;
    }
  }
  invariant(answer !== undefined, "an answer ended without its end");
  terminal.out(terminal.safe(marks.flush()));
  if (!answer.text.endsWith("\n")) terminal.out("\n");
  if (answer.finishReason === "length") {
    terminal.note(terminal.paint("yellow", "The answer stopped at its length limit; -n raises it."));
  }
  return answer;
}
