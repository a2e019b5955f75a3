import { type TokenId, tokenId } from "../base/brand.ts";
import type { FinishReason } from "../runtime/generate.ts";
import type { SampledToken } from "../runtime/sampling/sampler.ts";
import { StopMatcher } from "../tokenizer/stop-matcher.ts";
import { StreamingDetokenizer } from "../tokenizer/streaming-detokenizer.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import type { AnswerToken, ChatEvent } from "./answer.ts";
import { type AnswerPiece, ThinkingSplitter } from "./thinking-splitter.ts";

export interface WriterOptions {
  readonly tokenizer: Tokenizer;
  readonly startsThinking: boolean;
  readonly stop: readonly string[];
  readonly givesTokens: boolean;
  readonly emit: (event: ChatEvent) => void;
}

/** Turns tokens into events and gathers the answer: characters whole, stop strings cut off, thought apart. */
export class AnswerWriter {
  readonly tokens: AnswerToken[] = [];
  text = "";
  thinking = "";
  logProbability = 0;
  readonly #options: WriterOptions;
  readonly #detokenizer: StreamingDetokenizer;
  readonly #splitter: ThinkingSplitter;
  readonly #stops: StopMatcher;

  constructor(options: WriterOptions) {
    this.#options = options;
    this.#detokenizer = new StreamingDetokenizer(options.tokenizer);
    this.#splitter = new ThinkingSplitter(options.startsThinking);
    this.#stops = new StopMatcher(options.stop);
  }

  /** Takes a token; true when a stop string ends the answer with it. `isEnd`: the model's own ending, which has no text. */
  push(token: SampledToken, isEnd: boolean): boolean {
    this.logProbability += token.logProbability;
    if (isEnd) return false;
    const id: TokenId = tokenId(token.id);
    const text = this.#options.tokenizer.hasToken(id) ? this.#detokenizer.push(id) : "";
    const answerToken = { id: token.id, text, logProbability: token.logProbability, top: token.top };
    this.tokens.push(answerToken);
    if (this.#options.givesTokens) this.#options.emit({ type: "token", token: answerToken });
    return this.#give(this.#splitter.push(text));
  }

  /** The answer ended: gives out what was held back. */
  finish(reason: FinishReason): FinishReason {
    const hasStopped = this.#give(this.#splitter.push(this.#detokenizer.flush())) || this.#give(this.#splitter.flush());
    if (!hasStopped) this.#show("text", this.#stops.flush());
    return hasStopped ? "stop string" : reason;
  }

  #give(pieces: readonly AnswerPiece[]): boolean {
    for (const { kind, text } of pieces) {
      if (kind === "thinking") {
        this.#show("thinking", text);
        continue;
      }
      const result = this.#stops.push(text);
      this.#show("text", result.text);
      if (result.stop !== undefined) return true;
    }
    return false;
  }

  #show(kind: "text" | "thinking", text: string): void {
    if (text === "") return;
    this[kind] += text;
    this.#options.emit({ type: kind, text });
  }
}
