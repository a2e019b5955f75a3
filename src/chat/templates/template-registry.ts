import type { ChatTemplate } from "./chat-template.ts";
import { chatmlTemplate } from "./chatml.ts";
import { llama3Template } from "./llama3.ts";
import type { ChatMessage, PromptOptions, Segment } from "./messages.ts";
import { minicpmTemplate } from "./minicpm.ts";
import { qwen3Template } from "./qwen3.ts";
import { qwen35Template } from "./qwen35.ts";

const QWEN2 = chatmlTemplate({ defaultSystemPrompt: "You are a helpful assistant.", addSpecial: false });

/** The template of each model version. */
export const CHAT_TEMPLATES = {
  "1.0": minicpmTemplate("single"),
  "2.0": minicpmTemplate("nested"),
  "2.5": llama3Template,
  "2.6": QWEN2,
  "o-2.6": QWEN2,
  // Whether the begin token precedes the prompt is left to the checkpoint's tokenizer configuration.
  "4.0": chatmlTemplate({ defaultSystemPrompt: undefined, addSpecial: true }),
  pocket: chatmlTemplate({ defaultSystemPrompt: undefined, hasSystemTurn: false, addSpecial: false }),
  "4.5": qwen3Template({ opensThought: true }),
  "o-4.5": qwen3Template({ opensThought: false }),
  "4.6": qwen35Template(false),
  "4.6-thinking": qwen35Template(true),
} as const satisfies Readonly<Record<string, ChatTemplate>>;

export type TemplateVersion = keyof typeof CHAT_TEMPLATES;

/** The segments of a version's prompt. Throws ChatTemplateError. */
export function renderPrompt(
  version: TemplateVersion,
  messages: readonly ChatMessage[],
  options: PromptOptions = {},
): readonly Segment[] {
  return CHAT_TEMPLATES[version].render(messages, options);
}
