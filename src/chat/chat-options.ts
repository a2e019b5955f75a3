import type { SamplingSettings } from "../runtime/sampling/settings.ts";
import type { PictureControl } from "./message.ts";

/** Settings of one answer; what is left out is as the version's authors have it. */
export interface ChatOptions extends Partial<SamplingSettings>, PictureControl {
  /** Takes the place of a leading system message. */
  readonly systemPrompt?: string | undefined;
  /** For versions that can think. */
  readonly thinking?: boolean | undefined;
  /** Descriptions of functions, as the OpenAI API has them. */
  readonly tools?: readonly unknown[] | undefined;
  /** Texts that end the answer and are left out of it. */
  readonly stop?: readonly string[] | undefined;
  /** The answer is a JSON text of this schema: a JSON schema, or a zod schema. */
  readonly schema?: unknown;
  /** Beam search with this many beams instead of sampling; the text comes in one piece. */
  readonly beams?: number | undefined;
  /** Gives an event for each token, with this many of the most likely ones. */
  readonly tokenEvents?: number | undefined;
  /** Goes on where the model would end: for measurements. */
  readonly ignoresStopTokens?: boolean | undefined;
  /** Fires within one step of the model. */
  readonly signal?: AbortSignal | undefined;
}
