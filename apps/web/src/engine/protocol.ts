/** Where a model's files come from. */
export type ModelSource =
  | { readonly kind: "embedded" }
  | { readonly kind: "files"; readonly language: File; readonly vision: File }
  | { readonly kind: "stored"; readonly repo: string };

/** A turn of a conversation as the page keeps it. */
export interface Turn {
  readonly role: "user" | "assistant";
  readonly text: string;
  readonly pictures: readonly Blob[];
}

/** How a picture will be cut, as fractions of its sides, and what it costs. */
export interface PictureViews {
  readonly width: number;
  readonly height: number;
  readonly columns: number;
  readonly rows: number;
  readonly views: number;
  readonly tokens: number;
}

export interface ModelInfo {
  readonly title: string;
  readonly contextLength: number;
  readonly threadCount: number;
  /** It reads printed text and does nothing else. */
  readonly isReader: boolean;
}

/** A value of an answer and how likely it is right, 0…1. */
export interface ReadValue {
  readonly text: string;
  readonly confidence: number;
}

export interface AnswerStats {
  /** Title of the model that answered. */
  readonly model: string;
  /** Of the built-in reader alone, in the order of the answer's places. */
  readonly values: readonly ReadValue[];
  readonly firstTokenMs: number;
  readonly encodeMs: number;
  readonly tokenCount: number;
  readonly decodeMs: number;
  readonly wordsPerSecond: number;
}

export interface StoredEntry {
  readonly repo: string;
  readonly licence: string | undefined;
  readonly sizeBytes: number;
}

/** What a download will take, for the person to agree to. */
export interface DownloadOffer {
  readonly repo: string;
  readonly licence: string | undefined;
  readonly licenceUrl: string | undefined;
  readonly missingBytes: number;
  readonly freeBytes: number | undefined;
}

/** What the page asks of the worker: arguments, events on the way, and the result. */
export interface Calls {
  readonly embedded: { readonly input: undefined; readonly event: never; readonly result: number };
  readonly load: { readonly input: ModelSource; readonly event: LoadEvent; readonly result: ModelInfo };
  readonly views: { readonly input: Blob; readonly event: never; readonly result: PictureViews };
  readonly cost: { readonly input: readonly Turn[]; readonly event: never; readonly result: PromptCost };
  readonly ask: { readonly input: readonly Turn[]; readonly event: AskEvent; readonly result: AnswerStats };
  readonly stored: { readonly input: undefined; readonly event: never; readonly result: readonly StoredEntry[] };
  readonly pull: { readonly input: string; readonly event: PullEvent; readonly result: undefined };
  readonly agree: { readonly input: undefined; readonly event: never; readonly result: undefined };
  readonly verify: { readonly input: string; readonly event: VerifyEvent; readonly result: boolean };
  readonly remove: { readonly input: string; readonly event: never; readonly result: undefined };
  readonly bench: { readonly input: undefined; readonly event: BenchStep; readonly result: BenchResult };
}

export type CallName = keyof Calls;

export interface LoadEvent {
  readonly part: string;
  readonly done: number;
  readonly total: number;
}

export interface PromptCost {
  readonly total: number;
  readonly left: number;
}

export type AskEvent =
  | { readonly kind: "text" | "thinking"; readonly text: string }
  | { readonly kind: "progress"; readonly stage: string; readonly done: number; readonly total: number };

export type PullEvent =
  | { readonly kind: "offer"; readonly offer: DownloadOffer }
  | {
      readonly kind: "progress";
      readonly name: string;
      readonly receivedBytes: number;
      readonly totalBytes: number | undefined;
      readonly secondsLeft: number | undefined;
    };

export interface VerifyEvent {
  readonly doneBytes: number;
  readonly totalBytes: number;
}

export interface BenchStep {
  readonly text: string;
}

export interface BenchResult {
  readonly model: string;
  readonly threads: number;
  readonly encodeMs: number;
  readonly views: number;
  readonly promptTokens: number;
  readonly promptTokensPerSecond: number;
  readonly decodeTokensPerSecond: number;
  readonly residentBytes: number;
}

/** From the page. */
export type Request =
  | { readonly id: number; readonly call: CallName; readonly input: unknown }
  | { readonly id: number; readonly abort: true };

/** What went wrong, in words for the person. */
export interface Failure {
  readonly code: string;
  readonly message: string;
}

/** From the worker. */
export type Reply =
  | { readonly id: number; readonly event: unknown }
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly failure: Failure };
