import type { SpatialSchema } from "../placeholders.ts";
import type { ChatMessage, PromptOptions, Segment } from "./messages.ts";

/** How one family of versions writes a conversation. */
export interface ChatTemplate {
  /** How this family marks pictures in the text. */
  readonly schema: SpatialSchema;
  /** The tokenizer's own begin token goes before the prompt: the template does not write it. */
  readonly addSpecial: boolean;
  /** Whether the prompt lets the model think where the caller does not say; undefined where it cannot. */
  readonly thinkingDefault: boolean | undefined;
  /** Strings of the tokens that end an answer. */
  readonly stopTokens: readonly string[];
  /** Throws ChatTemplateError for messages that the family has no form for. */
  render(messages: readonly ChatMessage[], options?: PromptOptions): readonly Segment[];
}
