import { ArgumentError } from "../base/errors.ts";
import { ContextLengthError } from "../runtime/errors.ts";
import type { ModelRuntime } from "../runtime/model-runtime.ts";
import { GREEDY, type SamplingSettings, samplingSettings } from "../runtime/sampling/settings.ts";
import type { BuiltPrompt } from "./build-prompt.ts";
import type { ChatOptions } from "./chat-options.ts";
import type { PlacedPicture } from "./picture-store.ts";
import type { ChatTemplate } from "./templates/chat-template.ts";

/** Throws ContextLengthError, before anything is encoded, with what the pictures cost and would cost as overviews. */
export function checkLength(prompt: BuiltPrompt, placed: readonly PlacedPicture[], limit: number): void {
  const total = prompt.ids.length;
  if (total < limit) return;
  const pictures = prompt.visualAt.length;
  if (pictures === 0)
    throw new ContextLengthError(total, limit, `Leave out ${total - limit + 1} tokens of text or more.`);
  const least = placed.reduce((sum, { prepared }) => sum + prepared.tokens[0], 0);
  const text = total - pictures;
  const verdict = text + least < limit ? "which fits" : "which is still too much: leave out pictures or text";
  throw new ContextLengthError(
    total,
    limit,
    `${pictures} of them are of pictures; with detail "low" those take about ${least}, ${verdict}.`,
  );
}

/** Settings of an answer: the version's own where the caller gives none. */
export function settingsFor({ description, contextLength }: ModelRuntime, options: ChatOptions): SamplingSettings {
  const { generation } = description;
  const defaults = { ...GREEDY, ...generation, maxNewTokens: Math.min(generation.maxNewTokens, contextLength) };
  return samplingSettings(defaults, options);
}

/** Tokens that end an answer. Throws ArgumentError where the tokenizer has none of them. */
export function stopIds(
  { template, runtime }: { readonly template: ChatTemplate; readonly runtime: ModelRuntime },
  options: ChatOptions,
): ReadonlySet<number> {
  if (options.ignoresStopTokens === true) return new Set();
  const { tokenizer } = runtime;
  const ids = template.stopTokens.flatMap((token) => tokenizer.findId(token) ?? []);
  const all = tokenizer.eosId === undefined ? ids : [...ids, tokenizer.eosId];
  if (all.length > 0) return new Set(all);
  throw new ArgumentError(
    `The tokenizer has none of ${template.stopTokens.join(", ")}.`,
    "Take tokenizer.json from the model's own release.",
  );
}
