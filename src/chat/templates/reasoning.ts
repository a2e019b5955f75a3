import { type ChatMessage, plainText } from "./messages.ts";
import { trimNewlinesEnd, trimNewlinesStart } from "./newlines.ts";

/** An assistant message taken apart: what it thought and what it said. */
export interface AssistantParts {
  readonly reasoning: string;
  readonly answer: string;
}

/** Separates `<think>…</think>` from the answer, the way the templates of Qwen3 do. */
export function assistantParts(message: ChatMessage): AssistantParts {
  const content = plainText(message.content);
  if (message.reasoning !== undefined) return { reasoning: message.reasoning, answer: content };
  const ends = content.split("</think>");
  if (ends.length === 1) return { reasoning: "", answer: content };
  const before = trimNewlinesEnd(ends[0]);
  return {
    reasoning: trimNewlinesStart(before.split("<think>").at(-1) ?? ""),
    answer: trimNewlinesStart(ends.at(-1) ?? ""),
  };
}

/** Index of the last message that is a question of the user, not a tool's result sent in the user's name. */
export function lastQueryIndex(messages: readonly ChatMessage[]): number | undefined {
  const index = messages.findLastIndex((message) => {
    const text = plainText(message.content).trim();
    return message.role === "user" && !(text.startsWith("<tool_response>") && text.endsWith("</tool_response>"));
  });
  return index < 0 ? undefined : index;
}
