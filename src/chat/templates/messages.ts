/** A picture inside a message. What it shows is the caller's business: here only its place counts. */
export interface ImageContent {
  readonly type: "image";
}

export interface TextContent {
  readonly type: "text";
  readonly text: string;
}

export type ContentPart = TextContent | ImageContent;

/** A call that the assistant made. */
export interface ToolCall {
  readonly name: string;
  readonly arguments: Readonly<Record<string, unknown>>;
}

/** One turn of a conversation. Frames of a video are pictures in a row. */
export interface ChatMessage {
  readonly role: "system" | "user" | "assistant" | "tool";
  readonly content: string | readonly ContentPart[];
  /** What the assistant thought before it answered. */
  readonly reasoning?: string | undefined;
  readonly toolCalls?: readonly ToolCall[] | undefined;
}

export interface PromptOptions {
  /** Takes the place of a leading system message. */
  readonly systemPrompt?: string | undefined;
  /** For versions that can think: on or off. The default is the version's own. */
  readonly thinking?: boolean | undefined;
  /** JSON-serialisable descriptions of functions, as the OpenAI API has them. */
  readonly tools?: readonly unknown[] | undefined;
  /** Ends the prompt where the assistant starts to write. Default true. */
  readonly addGenerationPrompt?: boolean | undefined;
}

/**
 * A piece of a prompt. Special tokens count in `template` pieces only; an `image` piece stands for the picture with that
 * index, counted through all messages.
 */
export type Segment =
  | { readonly kind: "template"; readonly text: string }
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "image"; readonly index: number };

/** The text of a message without its pictures. */
export function plainText(content: ChatMessage["content"]): string {
  if (typeof content === "string") return content;
  return content.flatMap((part) => (part.type === "text" ? [part.text] : [])).join("\n");
}

/** Messages with `systemPrompt` in front, in place of a leading system message. */
export function withSystemPrompt(messages: readonly ChatMessage[], options: PromptOptions): readonly ChatMessage[] {
  if (options.systemPrompt === undefined) return messages;
  const rest = messages[0]?.role === "system" ? messages.slice(1) : messages;
  return [{ role: "system", content: options.systemPrompt }, ...rest];
}
