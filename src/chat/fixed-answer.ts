import type { ReaderTraits } from "../model/minicpmv/version.ts";
import type { Answer } from "./answer.ts";
import { type Message, splitConversation } from "./message.ts";

/** What the built-in reader says to a conversation without a picture; undefined where the model is to be asked. */
export function fixedAnswer(reader: ReaderTraits | undefined, messages: readonly Message[]): Answer | undefined {
  if (reader === undefined || splitConversation(messages).pictures.length > 0) return undefined;
  return {
    text: reader.outOfScope,
    thinking: "",
    finishReason: "stop",
    places: [],
    tokens: [],
    logProbability: 0,
    usage: { promptTokens: 0, reusedTokens: 0, pictureTokens: 0, completionTokens: 0 },
    timings: { preprocessMs: 0, encodeMs: 0, prefillMs: 0, decodeMs: 0, firstTokenMs: 0, tokensPerSecond: 0 },
  };
}
