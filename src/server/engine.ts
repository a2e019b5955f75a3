import type { RgbImage } from "../image/rgb-image.ts";

/** A picture of a request, decoded within the server's limits. */
export interface EnginePicture {
  readonly image: RgbImage;
  /** SHA-256 of the file: equal pictures share their encoding. */
  readonly digest: string;
  /** OpenAI's word for how closely to look. */
  readonly detail?: "low" | "auto" | "high" | undefined;
  /** Most slices beside the overview; the model's own number where absent. */
  readonly maxSlices?: number | undefined;
}

export type EngineContent =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "picture"; readonly picture: EnginePicture };

export interface EngineMessage {
  readonly role: "system" | "user" | "assistant";
  readonly content: readonly EngineContent[];
  readonly reasoning?: string | undefined;
}

/** A conversation that goes through the model's chat template, or a text that is continued as it is. */
export type EngineInput =
  | { readonly kind: "chat"; readonly messages: readonly EngineMessage[]; readonly thinking?: boolean | undefined }
  | { readonly kind: "text"; readonly prompt: string };

/** What the answer must be: any text, any JSON object, or JSON of a schema. */
export type EngineFormat =
  | { readonly kind: "text" }
  | { readonly kind: "json" }
  | { readonly kind: "schema"; readonly schema: unknown };

export interface EngineSampling {
  readonly temperature?: number | undefined;
  readonly topK?: number | undefined;
  readonly topP?: number | undefined;
  readonly minP?: number | undefined;
  readonly repetitionPenalty?: number | undefined;
  readonly maxNewTokens?: number | undefined;
  readonly seed?: number | undefined;
}

export interface EngineRequest {
  readonly input: EngineInput;
  readonly sampling: EngineSampling;
  readonly stop: readonly string[];
  readonly format: EngineFormat;
  /** Likelihoods of this many tokens beside each chosen one; none are reported where absent. */
  readonly topLogProbabilities?: number | undefined;
  /** Goes on where the model would end: for measurements. */
  readonly ignoresEnd?: boolean | undefined;
  readonly signal: AbortSignal;
}

/** A token with its likelihood. `bytes` may be part of a character. */
export interface EngineToken {
  readonly text: string;
  readonly bytes: readonly number[];
  readonly logProbability: number;
}

export interface ScoredToken extends EngineToken {
  readonly top: readonly EngineToken[];
}

export interface PictureCost {
  readonly width: number;
  readonly height: number;
  readonly views: number;
  readonly tokens: number;
}

/** What an answer took. Times in milliseconds. */
export interface EngineUsage {
  readonly promptTokens: number;
  readonly cachedTokens: number;
  readonly completionTokens: number;
  readonly reasoningTokens: number;
  readonly promptMs: number;
  readonly decodeMs: number;
  readonly encodeMs: number;
  readonly pictures: readonly PictureCost[];
}

export type EnginePart =
  | { readonly kind: "text"; readonly text: string; readonly tokens: readonly ScoredToken[] }
  | { readonly kind: "reasoning"; readonly text: string }
  | { readonly kind: "end"; readonly reason: "stop" | "length"; readonly usage: EngineUsage };

export interface EngineInfo {
  /** Name that clients ask for. */
  readonly id: string;
  /** What the model calls itself, for people. */
  readonly title?: string | undefined;
  readonly version: string;
  readonly contextLength: number;
  readonly hasVision: boolean;
  readonly canThink: boolean;
  /** Answers that can be worked on at once. */
  readonly parallelCount: number;
  readonly sizeBytes: number;
  readonly parameterCount?: number | undefined;
  readonly quantisation?: string | undefined;
  /** Chat template as text, where the model has one. */
  readonly template?: string | undefined;
}

export interface PromptCost {
  readonly tokens: number;
  readonly pictures: readonly PictureCost[];
}

/** What the server asks of a model. Answers may run side by side; the engine batches their steps. */
export interface ChatEngine {
  readonly info: EngineInfo;
  /** Parts as they come, the end always last. Throws what the library throws; AbortedError after the signal fires. */
  answer(request: EngineRequest): AsyncIterable<EnginePart>;
  /** Encoded pictures that are kept: bytes now, and at most. */
  pictureCache?(): { readonly bytes: number; readonly mostBytes: number };
  /** Cost of a prompt without running it. */
  cost(input: EngineInput): Promise<PromptCost>;
  tokenize(text: string, options: { readonly addSpecial: boolean; readonly parseSpecial: boolean }): readonly number[];
  detokenize(ids: readonly number[]): string;
  /** The prompt as text, pictures as their placeholders. */
  render(input: EngineInput): string;
}
