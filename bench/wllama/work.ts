/** What both engines are asked for in a page, and what they say. */
export interface PageWork {
  readonly engine: "own" | "wllama";
  readonly threads: number;
  readonly promptTokens: number;
  readonly answerTokens: number;
  /** Calls that count; one more goes before them to warm up. */
  readonly samples: number;
  readonly seed: number;
  /** After which our engine tells its logits, for its error. */
  readonly errorPrompt: string;
}

/** Tokens a second, one of each a call. */
export interface PageRates {
  readonly prefill: readonly number[];
  readonly decode: readonly number[];
  readonly description: string;
  /** Of our engine, after the error's prompt. wllama gives none. */
  readonly logits?: readonly number[];
}

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
