/** What both engines are asked for in a page, and what they say. */
export interface PageWork {
  readonly engine: "own" | "wllama";
  readonly threads: number;
  readonly promptTokens: number;
  readonly answerTokens: number;
  /** Calls that count; one more goes before them to warm up. */
  readonly samples: number;
  readonly seed: number;
  /** Whose next token both are asked for once, as a measure of their error. */
  readonly errorPrompt: string;
}

/** Tokens a second, one of each a call. */
export interface PageRates {
  readonly prefill: readonly number[];
  readonly decode: readonly number[];
  readonly description: string;
  /** After the error's prompt: all logits, or the largest probabilities, by token id, where an engine tells no more. */
  readonly answer: PageAnswer;
}

export type PageAnswer =
  | { readonly kind: "logits"; readonly logits: readonly number[] }
  | { readonly kind: "log-probabilities"; readonly pairs: readonly (readonly [id: number, value: number])[] };

/** The page's one function. */
export interface BenchPage {
  measure(work: PageWork): Promise<PageRates>;
}

/** The work with its files, as the page hands it to the worker of our engine. */
export interface EngineTask {
  readonly work: PageWork;
  readonly language: Blob;
  readonly vision: Blob;
}

/** Letters whose pairs no merge of the synthetic vocabulary joins: one letter is one token. */
export const PLAIN_LETTERS = "abcdfgjklmopqsuvwxyz";
