import { type TokenId, tokenId } from "../base/brand.ts";
import { ArgumentError } from "../base/errors.ts";
import type { BeamOptions, Hypothesis } from "../runtime/beam-search.ts";
import type { ModelRuntime, RuntimeStats } from "../runtime/model-runtime.ts";
import type { Platform } from "../runtime/platform.ts";
import type { Answer, ChatEvent } from "./answer.ts";
import {
  type AnswerContext,
  answerBeams,
  answerFields,
  answerOnce,
  answerSamples,
  promptLogits,
} from "./answer-job.ts";
import { type AnswerTrace, traceAnswer } from "./answer-trace.ts";
import { buildPrompt } from "./build-prompt.ts";
import { type Calibration, UNCALIBRATED } from "./calibration.ts";
import type { ChatOptions } from "./chat-options.ts";
import { EventChannel } from "./event-channel.ts";
import {
  type Extraction,
  type ExtractOptions,
  extractionRequest,
  placedFields,
  readExtraction,
  shownValue,
  type TypedSchema,
} from "./extract.ts";
import { type ImagePart, type ImageSource, type Message, splitConversation } from "./message.ts";
import { pictureCost, readPicture } from "./picture.ts";
import { PictureStore } from "./picture-store.ts";
import { type Reading, readingsOf } from "./readings.ts";
import { CHAT_TEMPLATES } from "./templates/template-registry.ts";

/** What a conversation will cost before anything is run. */
export interface TokenCount {
  readonly total: number;
  /** Image tokens of each picture, markers left out. */
  readonly pictures: readonly number[];
  /** Tokens that the context has left for the answer; negative where the prompt does not fit. */
  readonly left: number;
}

/** An opened model. Requests may overlap: their steps are run together. Dispose it to give memory and files back. */
export class Model implements AsyncDisposable {
  readonly runtime: ModelRuntime;
  readonly #context: AnswerContext;

  constructor(
    runtime: ModelRuntime,
    platform: Platform,
    {
      calibration = UNCALIBRATED,
      pictureCacheBytes,
    }: { readonly calibration?: Calibration; readonly pictureCacheBytes?: number | undefined } = {},
  ) {
    this.runtime = runtime;
    const { description } = runtime;
    const template = CHAT_TEMPLATES[description.template];
    this.#context = {
      runtime,
      platform,
      template,
      pictures: new PictureStore(runtime, pictureCacheBytes),
      maskers: new Map(),
      calibration,
    };
  }

  /** Encoded pictures that are kept for later questions: bytes now, and at most. */
  get pictureCache(): { readonly bytes: number; readonly mostBytes: number } {
    return this.#context.pictures.kept;
  }

  /** "MiniCPM-V 2.6". */
  get title(): string {
    return this.runtime.description.title;
  }

  get stats(): RuntimeStats {
    return this.runtime.stats;
  }

  /** Streams an answer. Leaving the loop early cancels it. */
  async *chat(messages: readonly Message[], options: ChatOptions = {}): AsyncGenerator<ChatEvent, void> {
    const channel = new EventChannel<ChatEvent>();
    const left = new AbortController();
    const signal = options.signal === undefined ? left.signal : AbortSignal.any([options.signal, left.signal]);
    const job = answerOnce(this.#context, messages, { ...options, signal }, (event) => channel.push(event));
    job.then(
      () => channel.finish(),
      (error: unknown) => channel.fail(error),
    );
    try {
      yield* channel.read();
    } finally {
      left.abort();
      // the sequence must be given back before the caller goes on
      await job.catch(() => {});
    }
  }

  /** The whole answer. */
  async complete(messages: readonly Message[], options: ChatOptions = {}): Promise<Answer> {
    return answerOnce(this.#context, messages, options, () => {});
  }

  /** Several sampled answers to one prompt, which is read once. Sample i has seed + i. */
  async samples(messages: readonly Message[], count: number, options: ChatOptions = {}): Promise<readonly Answer[]> {
    if (!Number.isInteger(count) || count < 1) {
      throw new ArgumentError(`${count} samples were asked for.`, "Ask for at least one.");
    }
    return answerSamples(this.#context, messages, { ...options, count });
  }

  /**
   * Reads a picture into the form of a schema (zod, or JSON schema), with a confidence for each value. Greedy unless a
   * temperature is given. The built-in reader is asked for each property by its name, or by its description where that
   * is a question, and gives null for what the picture does not show. Throws the schema errors, and ArgumentError where
   * the answer was cut off or a property that must be there is not shown.
   */
  async extract<T = unknown>(
    image: ImageSource | ImagePart,
    schema: TypedSchema<T> | Readonly<Record<string, unknown>>,
    options: ExtractOptions = {},
  ): Promise<Extraction<T>> {
    const request = extractionRequest(schema, options);
    const { pictures } = splitConversation([{ role: "user", content: [image] }]);
    const [part] = pictures;
    const { file, image: pixels } = await readPicture({ ...options, ...part }, this.#context);
    const upright = { ...part, image: pixels };
    if (this.runtime.description.reader !== undefined) {
      const asked = { temperature: 0, ...options, schema };
      const { value, fields, answer } = await answerFields(
        this.#context,
        [{ role: "user", content: [upright] }],
        asked,
      );
      return { value: await shownValue<T>(schema, value, fields), fields: placedFields(fields, pixels, file), answer };
    }
    const answer = await this.complete([{ role: "user", content: [upright, request.text] }], {
      temperature: 0,
      ...options,
      schema: request.schema,
    });
    return readExtraction<T>(schema, answer, { file, boxes: options.boxes });
  }

  /** The values that an answer names, each with its place and how likely it is right; none where it read nothing. */
  readings(answer: Answer): readonly Reading[] {
    const { reader } = this.runtime.description;
    if (answer.text === reader?.outOfScope || answer.text === reader?.notShown) return [];
    return readingsOf(answer, this.#context.calibration);
  }

  /** The finished beams of a search, best first, with ending tokens and length penalty of the caller's choice. */
  async searchBeams(
    messages: readonly Message[],
    search: BeamOptions,
    options: ChatOptions = {},
  ): Promise<readonly Hypothesis[]> {
    return answerBeams(this.#context, messages, { search, chat: options });
  }

  /** Logits of the first token of an answer, to compare two ways of computing. */
  async logits(messages: readonly Message[], options: ChatOptions = {}): Promise<Float32Array> {
    return promptLogits(this.#context, messages, options);
  }

  /** Every stage of reading a prompt and a given answer, to compare two ways of computing. */
  async trace(
    messages: readonly Message[],
    options: ChatOptions & { readonly answer: readonly number[] },
  ): Promise<AnswerTrace> {
    return traceAnswer(this.#context, messages, options);
  }

  /** Token ids of a text; special tokens written in it stay text. */
  tokenise(text: string, options: { readonly parseSpecial?: boolean } = {}): TokenId[] {
    return this.runtime.tokenizer.encode(text, options);
  }

  detokenise(ids: readonly number[]): string {
    return this.runtime.tokenizer.decode(ids.map(tokenId));
  }

  /** What a conversation costs, pictures included; they are read and measured, not encoded. */
  async countTokens(messages: readonly Message[], options: ChatOptions = {}): Promise<TokenCount> {
    const { runtime, template, pictures } = this.#context;
    const split = splitConversation(messages);
    const read = await Promise.all(split.pictures.map((part) => readPicture({ ...options, ...part }, this.#context)));
    const placed = await pictures.place(read);
    const { ids } = buildPrompt(
      { template, tokenizer: runtime.tokenizer, messages: split.messages, pictures: placed },
      options,
    );
    return { total: ids.length, pictures: read.map(pictureCost), left: runtime.contextLength - ids.length };
  }

  /** Drops kept conversations and encoded pictures; what is at work goes on. */
  forget(): void {
    this.#context.pictures.clear();
    this.runtime.presentCache?.pool.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.runtime[Symbol.asyncDispose]();
    this.runtime.backend[Symbol.dispose]();
  }
}
