import type { ChatTemplate } from "./chat-template.ts";
import { type ChatMessage, type PromptOptions, plainText, type Segment, withSystemPrompt } from "./messages.ts";
import { trimNewlinesEnd, trimNewlinesStart } from "./newlines.ts";
import { PromptWriter } from "./prompt-writer.ts";
import { pythonJson } from "./python-json.ts";
import { assistantParts, lastQueryIndex } from "./reasoning.ts";

const TOOLS_HEAD =
  "# Tools\n\nYou may call one or more functions to assist with the user query.\n\n" +
  "You are provided with function signatures within <tools></tools> XML tags:\n<tools>";
const TOOLS_TAIL =
  "\n</tools>\n\nFor each function call, return a json object with function name and arguments within " +
  '<tool_call></tool_call> XML tags:\n<tool_call>\n{"name": <function-name>, "arguments": <args-json-object>}\n</tool_call>';

export interface Qwen3Options {
  /** With thinking on, the prompt writes `<think>` itself (4.5); otherwise the model does (Qwen3, o-4.5). */
  readonly opensThought: boolean;
}

/** Qwen3, versions 4.5 and o-4.5: ChatML, hybrid thinking, tool calls as JSON. */
export function qwen3Template({ opensThought }: Qwen3Options): ChatTemplate {
  return {
    schema: "flat",
    addSpecial: false,
    thinkingDefault: false,
    stopTokens: ["<|im_end|>", "<|endoftext|>"],
    render: (messages, options) => render(messages, options ?? {}, opensThought ? "<think>\n" : ""),
  };
}

function render(given: readonly ChatMessage[], options: PromptOptions, thoughtStart: string): readonly Segment[] {
  const messages = withSystemPrompt(given, options);
  const writer = new PromptWriter();
  writeSystem(writer, messages, options.tools ?? []);
  const lastQuery = lastQueryIndex(messages) ?? messages.length - 1;
  messages.forEach((message, index) => {
    if (message.role === "assistant") {
      writeAssistant(writer, message, { isAfterQuery: index > lastQuery, isLast: index === messages.length - 1 });
    } else if (message.role === "tool") {
      writeToolResult(writer, message, messages[index - 1]?.role, messages[index + 1]?.role);
    } else if (message.role === "user" || index > 0) {
      writer.template(`<|im_start|>${message.role}\n`).content(message.content).template("<|im_end|>\n");
    }
  });
  if (options.addGenerationPrompt ?? true) {
    writer.template("<|im_start|>assistant\n");
    writer.template((options.thinking ?? false) ? thoughtStart : "<think>\n\n</think>\n\n");
  }
  return writer.segments;
}

function writeSystem(writer: PromptWriter, messages: readonly ChatMessage[], tools: readonly unknown[]): void {
  const system = messages[0]?.role === "system" ? messages[0] : undefined;
  if (system === undefined && tools.length === 0) return;
  writer.template("<|im_start|>system\n");
  if (system !== undefined) writer.content(system.content);
  if (tools.length > 0) {
    writer.template(system === undefined ? TOOLS_HEAD : `\n\n${TOOLS_HEAD}`);
    for (const tool of tools) writer.template("\n").text(pythonJson(tool));
    writer.template(TOOLS_TAIL);
  }
  writer.template("<|im_end|>\n");
}

function writeAssistant(
  writer: PromptWriter,
  message: ChatMessage,
  place: { readonly isAfterQuery: boolean; readonly isLast: boolean },
): void {
  const { reasoning, answer } = assistantParts(message);
  writer.template("<|im_start|>assistant\n");
  // Thoughts of earlier turns are dropped: only the turn that is going on keeps them.
  if (place.isAfterQuery && (place.isLast || reasoning !== "")) {
    writer.template("<think>\n").text(trimNewlinesStart(trimNewlinesEnd(reasoning)));
    writer.template("\n</think>\n\n").text(trimNewlinesStart(answer));
  } else {
    writer.text(answer);
  }
  (message.toolCalls ?? []).forEach((call, index) => {
    if (index > 0 || answer !== "") writer.template("\n");
    writer.template('<tool_call>\n{"name": "').text(call.name).template('", "arguments": ');
    writer.text(pythonJson(call.arguments)).template("}\n</tool_call>");
  });
  writer.template("<|im_end|>\n");
}

/** Results in a row share one user turn. */
export function writeToolResult(
  writer: PromptWriter,
  message: ChatMessage,
  previousRole: string | undefined,
  nextRole: string | undefined,
): void {
  if (previousRole !== "tool") writer.template("<|im_start|>user");
  writer.template("\n<tool_response>\n").text(plainText(message.content)).template("\n</tool_response>");
  if (nextRole !== "tool") writer.template("<|im_end|>\n");
}
