import { tokenId } from "../base/brand.ts";
import type { Answer, AnswerToken } from "../chat/answer.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import type { EngineFormat, EnginePart, PictureCost, ScoredToken } from "./engine.ts";

/** The schema of a format; undefined for free text. */
export function schemaOf(format: EngineFormat): unknown {
  switch (format.kind) {
    case "text":
      return undefined;
    case "json":
      return { type: "object" };
    case "schema":
      return format.schema;
  }
}

/** A token with the bytes that it stands for. */
export function scoredToken(token: AnswerToken, tokenizer: Tokenizer): ScoredToken {
  const named = (id: number, logProbability: number) => {
    const bytes = tokenizer.hasToken(tokenId(id)) ? tokenizer.tokenBytes(tokenId(id)) : new Uint8Array();
    return { text: new TextDecoder().decode(bytes), bytes: [...bytes], logProbability };
  };
  return {
    ...named(token.id, token.logProbability),
    top: token.top.map(({ id, logProbability }) => named(id, logProbability)),
  };
}

/** The end of an answer with what it took. */
export function endPart(answer: Answer, pictures: readonly PictureCost[]): EnginePart {
  const { usage, timings, finishReason, thinking, text, tokens } = answer;
  const spoken = thinking.length + text.length;
  return {
    kind: "end",
    reason: finishReason === "length" ? "length" : "stop",
    usage: {
      promptTokens: usage.promptTokens,
      cachedTokens: usage.reusedTokens,
      completionTokens: usage.completionTokens,
      // tokens do not say which side of the mark they fell on; their text does, to within a token or two
      reasoningTokens: spoken === 0 ? 0 : Math.round((tokens.length * thinking.length) / spoken),
      promptMs: timings.prefillMs,
      decodeMs: timings.decodeMs,
      encodeMs: timings.encodeMs,
      pictures,
    },
  };
}
