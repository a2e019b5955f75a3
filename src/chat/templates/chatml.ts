import type { ChatTemplate } from "./chat-template.ts";
import { type ChatMessage, type PromptOptions, type Segment, withSystemPrompt } from "./messages.ts";
import { PromptWriter } from "./prompt-writer.ts";
import { refuseTools } from "./refuse-tools.ts";

export interface ChatmlOptions {
  /** System turn where the caller gives none. */
  readonly defaultSystemPrompt: string | undefined;
  /** False for a model that was trained without system turns: those that callers send are left out. */
  readonly hasSystemTurn?: boolean;
  /** Lets the tokenizer add its begin token. */
  readonly addSpecial: boolean;
}

/** ChatML as in Qwen2 (versions 2.6, o-2.6) and MiniCPM4 (4.0). */
export function chatmlTemplate({ defaultSystemPrompt, hasSystemTurn = true, addSpecial }: ChatmlOptions): ChatTemplate {
  const render = (messages: readonly ChatMessage[], options: PromptOptions = {}): readonly Segment[] => {
    refuseTools(messages, options);
    const given = hasSystemTurn
      ? withSystemPrompt(messages, options)
      : messages.filter(({ role }) => role !== "system");
    const writer = new PromptWriter();
    if (defaultSystemPrompt !== undefined && given[0]?.role !== "system") {
      writer.template(`<|im_start|>system\n${defaultSystemPrompt}<|im_end|>\n`);
    }
    for (const message of given) {
      writer.template(`<|im_start|>${message.role}\n`).content(message.content).template("<|im_end|>\n");
    }
    if (options.addGenerationPrompt ?? true) writer.template("<|im_start|>assistant\n");
    return writer.segments;
  };
  const stopTokens = addSpecial ? ["<|im_end|>", "</s>"] : ["<|im_end|>", "<|endoftext|>"];
  return { schema: "flat", addSpecial, thinkingDefault: undefined, stopTokens, render };
}
