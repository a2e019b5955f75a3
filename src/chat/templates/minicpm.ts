import type { ChatTemplate } from "./chat-template.ts";
import { ChatTemplateError } from "./errors.ts";
import type { ChatMessage, PromptOptions, Segment } from "./messages.ts";
import { PromptWriter } from "./prompt-writer.ts";
import { refuseTools } from "./refuse-tools.ts";

/** MiniCPM-2B, versions 1.0 and 2.0: `<用户>` question `<AI>` answer, no separators, no system role. */
export function minicpmTemplate(schema: "single" | "nested"): ChatTemplate {
  return { schema, addSpecial: false, thinkingDefault: undefined, stopTokens: ["</s>"], render };
}

function render(messages: readonly ChatMessage[], options: PromptOptions = {}): readonly Segment[] {
  refuseTools(messages, options);
  if (options.systemPrompt !== undefined || messages.some((message) => message.role === "system")) {
    const hint = "Put the instruction at the start of the first question.";
    throw new ChatTemplateError("This model version has no system role.", hint);
  }
  if (messages[0]?.role !== "user") {
    throw new ChatTemplateError("The first message is not the user's.", "Start the conversation with a user message.");
  }
  const writer = new PromptWriter().template("<s>");
  for (const message of messages) {
    writer.template(message.role === "user" ? "<用户>" : "<AI>").content(message.content);
  }
  if (options.addGenerationPrompt ?? true) writer.template("<AI>");
  return writer.segments;
}
