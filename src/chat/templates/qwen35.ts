import type { ChatTemplate } from "./chat-template.ts";
import { ChatTemplateError } from "./errors.ts";
import { type ChatMessage, type PromptOptions, type Segment, type ToolCall, withSystemPrompt } from "./messages.ts";
import { PromptWriter, strip } from "./prompt-writer.ts";
import { pythonJson, pythonString } from "./python-json.ts";
import { writeToolResult } from "./qwen3.ts";
import { assistantParts, lastQueryIndex } from "./reasoning.ts";

const TOOLS_HEAD = "# Tools\n\nYou have access to the following functions:\n\n<tools>";
const TOOLS_TAIL =
  "\n</tools>\n\nIf you choose to call a function ONLY reply in the following format with NO suffix:\n\n" +
  "<tool_call>\n<function=example_function_name>\n<parameter=example_parameter_1>\nvalue_1\n</parameter>\n" +
  "<parameter=example_parameter_2>\nThis is the value for the second parameter\nthat can span\nmultiple lines\n" +
  "</parameter>\n</function>\n</tool_call>\n\n<IMPORTANT>\nReminder:\n" +
  "- Function calls MUST follow the specified format: an inner <function=...></function> block must be nested within " +
  "<tool_call></tool_call> XML tags\n- Required parameters MUST be specified\n" +
  "- You may provide optional reasoning for your function call in natural language BEFORE the function call, but NOT after\n" +
  "- If there is no function call available, answer the question like normal with your current knowledge and do not " +
  "tell the user about function calls\n</IMPORTANT>";

/** Qwen3.5, version 4.6: ChatML with trimmed contents, thinking, tool calls in angle brackets. */
export function qwen35Template(thinkingDefault: boolean): ChatTemplate {
  return {
    schema: "padded",
    addSpecial: false,
    thinkingDefault,
    stopTokens: ["<|im_end|>", "<|endoftext|>"],
    render: (messages, options) => render(messages, options ?? {}, thinkingDefault),
  };
}

function render(given: readonly ChatMessage[], options: PromptOptions, thinkingDefault: boolean): readonly Segment[] {
  const messages = withSystemPrompt(given, options);
  const lastQuery = lastQueryIndex(messages);
  if (lastQuery === undefined) throw new ChatTemplateError("No message is a question.", "Add a user message.");
  const writer = new PromptWriter();
  writeSystem(writer, messages, options.tools ?? []);
  messages.forEach((message, index) => {
    if (message.role === "user") {
      writer.template("<|im_start|>user\n").content(message.content, { strips: true }).template("<|im_end|>\n");
    } else if (message.role === "assistant") {
      writeAssistant(writer, message, index > lastQuery);
    } else if (message.role === "tool") {
      const content = typeof message.content === "string" ? strip(message.content) : message.content;
      writeToolResult(writer, { ...message, content }, messages[index - 1]?.role, messages[index + 1]?.role);
    } else if (index > 0) {
      throw new ChatTemplateError("A system message stands behind other messages.", "Put it first.");
    }
  });
  if (options.addGenerationPrompt ?? true) {
    writer.template("<|im_start|>assistant\n");
    writer.template((options.thinking ?? thinkingDefault) ? "<think>\n" : "<think>\n\n</think>\n\n");
  }
  return writer.segments;
}

function writeSystem(writer: PromptWriter, messages: readonly ChatMessage[], tools: readonly unknown[]): void {
  const system = messages[0]?.role === "system" ? messages[0] : undefined;
  if (system === undefined && tools.length === 0) return;
  writer.template("<|im_start|>system\n");
  if (tools.length > 0) {
    writer.template(TOOLS_HEAD);
    for (const tool of tools) writer.template("\n").text(pythonJson(tool));
    writer.template(TOOLS_TAIL);
  }
  if (system !== undefined) {
    const isEmpty = typeof system.content === "string" && strip(system.content) === "";
    if (tools.length > 0 && !isEmpty) writer.template("\n\n");
    writer.content(system.content, { strips: true });
  }
  writer.template("<|im_end|>\n");
}

function writeAssistant(writer: PromptWriter, message: ChatMessage, isAfterQuery: boolean): void {
  const content = typeof message.content === "string" ? strip(message.content) : message.content;
  const { reasoning, answer } = assistantParts({ ...message, content });
  writer.template("<|im_start|>assistant\n");
  if (isAfterQuery) writer.template("<think>\n").text(strip(reasoning)).template("\n</think>\n\n");
  writer.text(answer);
  (message.toolCalls ?? []).forEach((call, index) => {
    if (index > 0) writer.template("\n");
    else if (strip(answer) !== "") writer.template("\n\n");
    writeToolCall(writer, call);
  });
  writer.template("<|im_end|>\n");
}

function writeToolCall(writer: PromptWriter, call: ToolCall): void {
  writer.template("<tool_call>\n<function=").text(call.name).template(">\n");
  for (const [name, value] of Object.entries(call.arguments)) {
    const text = typeof value === "object" && value !== null ? pythonJson(value) : pythonString(value);
    writer.template("<parameter=").text(name).template(">\n").text(text).template("\n</parameter>\n");
  }
  writer.template("</function>\n</tool_call>");
}
