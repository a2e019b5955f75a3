import { Template } from "@huggingface/jinja";
import type { SpatialSchema } from "../placeholders.ts";
import type { ChatTemplate } from "./chat-template.ts";
import { ChatTemplateError } from "./errors.ts";
import { type ChatMessage, type PromptOptions, type Segment, withSystemPrompt } from "./messages.ts";

const MAX_TEMPLATE_LENGTH = 100_000;
const MAX_PROMPT_LENGTH = 50_000_000;

// Tokens that templates look for in messages, and grounding marks, which users do write.
const ALLOWED_IN_TEXT = /^<\/?(?:think|tool_call|tool_response|ref|box|quad|point)>$/;

export interface JinjaTemplateOptions {
  /** How pictures are marked: the file's template knows nothing of it. */
  readonly schema: SpatialSchema;
  /** Contents of the tokenizer's added tokens: none of them may come from a message. */
  readonly specialTokens: readonly string[];
  readonly bosToken?: string | undefined;
  readonly eosToken?: string | undefined;
  readonly stopTokens: readonly string[];
}

/** A chat template found in a file (`tokenizer.chat_template`), rendered by a jinja engine. Throws ChatTemplateError. */
export function jinjaTemplate(source: string, options: JinjaTemplateOptions): ChatTemplate {
  const template = parse(source);
  const render = (given: readonly ChatMessage[], prompt: PromptOptions = {}): readonly Segment[] => {
    const messages = withSystemPrompt(given, prompt);
    const marks = freeMarks(messages);
    const guard = specialTokenGuard(options.specialTokens, marks.cut);
    const rendered = run(() =>
      template.render({
        messages: messages.map((message) => jinjaMessage(message, guard, marks)),
        tools: prompt.tools === undefined || prompt.tools.length === 0 ? null : guardJson(prompt.tools, guard),
        add_generation_prompt: prompt.addGenerationPrompt ?? true,
        bos_token: options.bosToken ?? "",
        eos_token: options.eosToken ?? "",
        ...(prompt.thinking === undefined ? {} : { enable_thinking: prompt.thinking }),
      }),
    );
    return cutSegments(rendered, marks);
  };
  return {
    schema: options.schema,
    addSpecial: false,
    thinkingDefault: undefined,
    stopTokens: options.stopTokens,
    render,
  };
}

function parse(source: string): Template {
  if (source.length > MAX_TEMPLATE_LENGTH) {
    const message = `The chat template has ${source.length} characters.`;
    throw new ChatTemplateError(message, `Use one of at most ${MAX_TEMPLATE_LENGTH}.`);
  }
  return run(() => new Template(source));
}

function run<T>(action: () => T): T {
  try {
    return action();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const hint = "Check the order of the messages, or use the built-in template of the version.";
    throw new ChatTemplateError(`The file's chat template failed: ${reason.slice(0, 300)}.`, hint, { cause: error });
  }
}

/** Two characters that no message contains: they travel through the template and show where to cut its output. */
interface Marks {
  /** Stands inside a special token that a message wrote, so that it is none any more. */
  readonly cut: string;
  readonly image: string;
}

function freeMarks(messages: readonly ChatMessage[]): Marks {
  const text = JSON.stringify(messages);
  // Noncharacters: Unicode keeps them for use inside a program.
  const free: string[] = [];
  for (let code = 0xfdd0; code <= 0xfdef && free.length < 2; code++) {
    const mark = String.fromCharCode(code);
    if (!text.includes(mark)) free.push(mark);
  }
  const [cut, image] = free;
  if (cut !== undefined && image !== undefined) return { cut, image };
  throw new ChatTemplateError("A message contains every noncharacter of Unicode.", "Remove U+FDD0 to U+FDEF from it.");
}

type Guard = (text: string) => string;

function specialTokenGuard(specialTokens: readonly string[], cut: string): Guard {
  const guarded = specialTokens.filter((token) => token.length > 1 && !ALLOWED_IN_TEXT.test(token));
  if (guarded.length === 0) return (text) => text;
  const escaped = guarded
    .toSorted((a, b) => b.length - a.length)
    .map((token) => token.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  const pattern = new RegExp(escaped.join("|"), "g");
  return (text) => text.replace(pattern, (token) => `${token[0]}${cut}${token.slice(1)}`);
}

function guardJson(value: unknown, guard: Guard): unknown {
  if (typeof value === "string") return guard(value);
  if (Array.isArray(value)) return value.map((item: unknown) => guardJson(item, guard));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [guard(key), guardJson(item, guard)]));
}

function jinjaMessage(message: ChatMessage, guard: Guard, marks: Marks): Record<string, unknown> {
  const content =
    typeof message.content === "string"
      ? guard(message.content)
      : message.content.map((part) => (part.type === "text" ? guard(part.text) : marks.image)).join("\n");
  const calls = message.toolCalls?.map((call) => ({ type: "function", function: guardJson(call, guard) }));
  return {
    role: message.role,
    content,
    ...(message.reasoning === undefined ? {} : { reasoning_content: guard(message.reasoning) }),
    ...(calls === undefined ? {} : { tool_calls: calls }),
  };
}

/** No token is found across two pieces, so a cut inside a written token is enough to disarm it. */
function cutSegments(rendered: string, marks: Marks): Segment[] {
  if (rendered.length > MAX_PROMPT_LENGTH) {
    throw new ChatTemplateError(`The prompt has ${rendered.length} characters.`, "Shorten the conversation.");
  }
  const segments: Segment[] = [];
  rendered.split(marks.image).forEach((piece, index) => {
    if (index > 0) segments.push({ kind: "image", index: index - 1 });
    for (const text of piece.split(marks.cut)) {
      if (text !== "") segments.push({ kind: "template", text });
    }
  });
  return segments;
}
