import type { FinishReason } from "../runtime/generate.ts";
import type { TokenLogProbability } from "../runtime/sampling/logits.ts";
import type { FilePlace } from "./grounding.ts";

/** A token of an answer. */
export interface AnswerToken {
  readonly id: number;
  /** Text that became complete with it; often empty, never half a character. */
  readonly text: string;
  /** Natural logarithm of the model's own probability, before sampling settings. */
  readonly logProbability: number;
  readonly top: readonly TokenLogProbability[];
}

/** What an answer cost. */
export interface Usage {
  readonly promptTokens: number;
  /** Of these, read from the cache of an earlier request. */
  readonly reusedTokens: number;
  readonly pictureTokens: number;
  readonly completionTokens: number;
}

/** Where the time went, in milliseconds. */
export interface Timings {
  /** Reading, decoding and cutting pictures. */
  readonly preprocessMs: number;
  /** Loading and running the vision tower. */
  readonly encodeMs: number;
  /** Reading the prompt, and loading the language model where it was not in memory. */
  readonly prefillMs: number;
  readonly decodeMs: number;
  /** From the call to the first token. */
  readonly firstTokenMs: number;
  readonly tokensPerSecond: number;
}

/** A whole answer. */
export interface Answer {
  readonly text: string;
  /** What the model thought first; empty where it did not. */
  readonly thinking: string;
  readonly finishReason: FinishReason;
  /** Places that the answer names, in pixels of the file of the last picture; none without a picture. */
  readonly places: readonly FilePlace[];
  /** Every token, the ending one left out. */
  readonly tokens: readonly AnswerToken[];
  /** Sum over the tokens and the ending one. */
  readonly logProbability: number;
  readonly usage: Usage;
  readonly timings: Timings;
}

/** What a streamed answer is made of. */
export type ChatEvent =
  | { readonly type: "progress"; readonly stage: ProgressStage; readonly done: number; readonly total: number }
  | { readonly type: "thinking"; readonly text: string }
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "token"; readonly token: AnswerToken }
  | { readonly type: "done"; readonly answer: Answer };

/** views count pictures' views, prompt counts tokens. Loading is told to the options of `load`. */
export type ProgressStage = "views" | "prompt";
