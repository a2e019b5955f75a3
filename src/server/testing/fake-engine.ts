import { AbortedError } from "../../base/errors.ts";
import { ContextLengthError } from "../../runtime/errors.ts";
import type { ChatEngine, EngineInput, EnginePart, EngineRequest, PictureCost, ScoredToken } from "../engine.ts";

/** A step of an answer that a test lets through one by one. */
export type Gate = (signal: AbortSignal) => Promise<void>;

export interface FakeEngineOptions {
  readonly words?: readonly string[];
  /** Awaited before each word. */
  readonly gate?: Gate;
  readonly reasoning?: string;
  readonly failure?: Error;
}

const CONTEXT_LENGTH = 4096;

/** An engine that says what it is told to, for tests of everything around a model. Its tokens are words. */
export function fakeEngine(options: FakeEngineOptions = {}): ChatEngine & { readonly requests: EngineRequest[] } {
  const { words = ["Total", " ", "42.00"], gate, reasoning, failure } = options;
  const requests: EngineRequest[] = [];
  return {
    requests,
    info: {
      id: "tiny",
      version: "2.6",
      contextLength: CONTEXT_LENGTH,
      hasVision: true,
      canThink: true,
      parallelCount: 2,
      sizeBytes: 1000,
    },
    async *answer(request): AsyncGenerator<EnginePart> {
      requests.push(request);
      if (failure !== undefined) throw failure;
      const { tokens, pictures } = costOf(request.input);
      if (tokens > CONTEXT_LENGTH) throw new ContextLengthError(tokens, CONTEXT_LENGTH);
      if (reasoning !== undefined) yield { kind: "reasoning", text: reasoning };
      const limit = request.sampling.maxNewTokens ?? words.length;
      for (const word of words.slice(0, limit)) {
        await gate?.(request.signal);
        if (request.signal.aborted) throw new AbortedError("The answer");
        yield { kind: "text", text: word, tokens: [scored(word)] };
      }
      yield {
        kind: "end",
        reason: limit < words.length ? "length" : "stop",
        usage: {
          promptTokens: tokens,
          cachedTokens: 1,
          completionTokens: Math.min(limit, words.length),
          reasoningTokens: 0,
          promptMs: 10,
          decodeMs: 20,
          encodeMs: 5,
          pictures,
        },
      };
    },
    cost: async (input) => costOf(input),
    tokenize: (text) => wordsOf(text).map((_, i) => i),
    detokenize: (ids) => ids.join(" "),
    render: (input) => JSON.stringify(input),
  };
}

function scored(text: string): ScoredToken {
  const token = { text, bytes: [...new TextEncoder().encode(text)], logProbability: -0.5 };
  return { ...token, top: [token] };
}

function costOf(input: EngineInput) {
  if (input.kind === "text") return { tokens: wordsOf(input.prompt).length, pictures: [] };
  const parts = input.messages.flatMap(({ content }) => content);
  const pictures = parts.flatMap((part): PictureCost[] => {
    if (part.type === "text") return [];
    const { width, height } = part.picture.image;
    return [{ width, height, views: 1, tokens: 64 }];
  });
  const words = parts.flatMap((part) => (part.type === "text" ? wordsOf(part.text) : []));
  return { tokens: words.length + 64 * pictures.length, pictures };
}

function wordsOf(text: string): readonly string[] {
  return text.split(/\s+/).filter((word) => word !== "");
}
