import { ChatTemplateError } from "./errors.ts";
import type { ChatMessage, PromptOptions } from "./messages.ts";

/** Throws ChatTemplateError where tools are asked of a version whose template has none. */
export function refuseTools(messages: readonly ChatMessage[], options: PromptOptions): void {
  const uses = messages.some((message) => message.role === "tool" || (message.toolCalls?.length ?? 0) > 0);
  if (!uses && (options.tools?.length ?? 0) === 0) return;
  const hint = "Leave the tools out, or use version 4.5 or 4.6.";
  throw new ChatTemplateError("This model version has no tool calls.", hint);
}
