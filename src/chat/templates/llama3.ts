import type { ChatTemplate } from "./chat-template.ts";
import { type ChatMessage, type PromptOptions, type Segment, withSystemPrompt } from "./messages.ts";
import { PromptWriter } from "./prompt-writer.ts";
import { refuseTools } from "./refuse-tools.ts";

/** Llama 3, version 2.5: every message has a header with its role; contents are trimmed. */
export const llama3Template: ChatTemplate = {
  schema: "nested",
  addSpecial: false,
  thinkingDefault: undefined,
  stopTokens: ["<|eot_id|>", "<|end_of_text|>"],
  render,
};

function render(messages: readonly ChatMessage[], options: PromptOptions = {}): readonly Segment[] {
  refuseTools(messages, options);
  const writer = new PromptWriter().template("<|begin_of_text|>");
  for (const message of withSystemPrompt(messages, options)) {
    writer.template(`<|start_header_id|>${message.role}<|end_header_id|>\n\n`);
    writer.content(message.content, { strips: true }).template("<|eot_id|>");
  }
  if (options.addGenerationPrompt ?? true) writer.template("<|start_header_id|>assistant<|end_header_id|>\n\n");
  return writer.segments;
}
