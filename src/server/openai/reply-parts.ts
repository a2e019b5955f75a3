import type { EngineToken, EngineUsage, ScoredToken } from "../engine.ts";
import { type AnswerTimes, viewCountOf } from "../run-answer.ts";

/** `usage` as OpenAI has it. */
export function usageBody(usages: readonly EngineUsage[]) {
  const [first] = usages;
  const completionTokens = sum(usages, ({ completionTokens }) => completionTokens);
  return {
    prompt_tokens: first?.promptTokens ?? 0,
    completion_tokens: completionTokens,
    total_tokens: (first?.promptTokens ?? 0) + completionTokens,
    prompt_tokens_details: { cached_tokens: first?.cachedTokens ?? 0 },
    completion_tokens_details: { reasoning_tokens: sum(usages, ({ reasoningTokens }) => reasoningTokens) },
  };
}

/** `timings` as llama.cpp's server has them, with what pictures cost. Times in milliseconds. */
export function timingsBody(usage: EngineUsage, { queueMs, firstTokenMs }: AnswerTimes) {
  const { cachedTokens, promptMs, decodeMs, completionTokens } = usage;
  const promptCount = usage.promptTokens - cachedTokens;
  return {
    cache_n: cachedTokens,
    prompt_n: promptCount,
    prompt_ms: promptMs,
    prompt_per_second: perSecond(promptCount, promptMs),
    predicted_n: completionTokens,
    predicted_ms: decodeMs,
    predicted_per_second: perSecond(completionTokens, decodeMs),
    views: viewCountOf(usage),
    image_tokens: sum(usage.pictures, ({ tokens }) => tokens),
    encode_ms: usage.encodeMs,
    queue_ms: queueMs,
    first_token_ms: firstTokenMs,
  };
}

/** `logprobs.content` of chat completions. */
export function logprobsBody(tokens: readonly ScoredToken[]) {
  return { content: tokens.map((token) => ({ ...tokenBody(token), top_logprobs: token.top.map(tokenBody) })) };
}

/** `logprobs` of text completions. */
export function textLogprobsBody(tokens: readonly ScoredToken[]) {
  return {
    tokens: tokens.map(({ text }) => text),
    token_logprobs: tokens.map(({ logProbability }) => logProbability),
    top_logprobs: tokens.map(({ top }) => Object.fromEntries(top.map((token) => [token.text, token.logProbability]))),
  };
}

function tokenBody({ text, bytes, logProbability }: EngineToken) {
  return { token: text, logprob: logProbability, bytes };
}

function perSecond(count: number, ms: number): number {
  return ms > 0 ? (count * 1000) / ms : 0;
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}
