import { ArgumentError } from "../base/errors.ts";
import { invariant } from "../base/invariant.ts";
import { type BeamOptions, beamSearch, type Hypothesis } from "../runtime/beam-search.ts";
import { DecoderBeams } from "../runtime/decoder-beams.ts";
import { type DecoderCache, decode, type FinishReason, type Prefilled, prefill } from "../runtime/generate.ts";
import type { ModelRuntime } from "../runtime/model-runtime.ts";
import type { Platform } from "../runtime/platform.ts";
import { Sampler } from "../runtime/sampling/sampler.ts";
import type { SamplingSettings } from "../runtime/sampling/settings.ts";
import type { Answer, ChatEvent } from "./answer.ts";
import { checkLength, settingsFor, stopIds } from "./answer-settings.ts";
import { AnswerWriter } from "./answer-writer.ts";
import { type BuiltPrompt, buildPrompt } from "./build-prompt.ts";
import type { Calibration } from "./calibration.ts";
import type { ChatOptions } from "./chat-options.ts";
import { type MaskerCache, schemaConstraint } from "./constraint.ts";
import { fixedAnswer } from "./fixed-answer.ts";
import { namedPlaces, placesInFile } from "./grounding.ts";
import { type Message, splitConversation } from "./message.ts";
import { readPicture } from "./picture.ts";
import type { PictureStore, PlacedPicture } from "./picture-store.ts";
import { type FieldsRead, joinedAnswer, readFields } from "./read-fields.ts";
import type { ChatTemplate } from "./templates/chat-template.ts";

/** What all answers of a model share. */
export interface AnswerContext {
  readonly runtime: ModelRuntime;
  readonly platform: Platform;
  readonly template: ChatTemplate;
  readonly pictures: PictureStore;
  readonly maskers: MaskerCache;
  readonly calibration: Calibration;
}

type Emit = (event: ChatEvent) => void;

/** A request whose prompt is in the cache. */
interface Started {
  readonly cache: DecoderCache;
  readonly prompt: BuiltPrompt;
  readonly placed: readonly PlacedPicture[];
  readonly start: Prefilled;
  readonly settings: SamplingSettings;
  readonly stopIds: ReadonlySet<number>;
  readonly clock: Clock;
}

/** Moments of a request, in milliseconds. */
interface Clock {
  readonly beginMs: number;
  readonly cutMs: number;
  readonly encodeMs: number;
  readonly prefilledMs: number;
}

/** Answers one request, telling of its way. */
export function answerOnce(
  context: AnswerContext,
  messages: readonly Message[],
  options: ChatOptions,
  emit: Emit,
): Promise<Answer> {
  return context.runtime.request(() => answerNow(context, messages, options, emit));
}

async function answerNow(
  context: AnswerContext,
  messages: readonly Message[],
  options: ChatOptions,
  emit: Emit,
): Promise<Answer> {
  const { reader } = context.runtime.description;
  if (reader !== undefined && options.schema !== undefined) {
    const { answer } = await fieldsNow(context, messages, { ...options, schema: options.schema });
    return told(answer, emit);
  }
  const fixed = fixedAnswer(reader, messages);
  if (fixed !== undefined) return told(fixed, emit);
  const started = await startAnswer(context, messages, options, emit);
  const { lease } = started.start;
  try {
    const answer =
      options.beams === undefined || options.beams < 2
        ? await sampleAnswer(context, started, options, { start: started.start, emit })
        : await beamAnswer(context, started, options, emit);
    emit({ type: "done", answer });
    return answer;
  } finally {
    if (options.beams === undefined || options.beams < 2) lease.release();
  }
}

/** An answer that is there all at once. */
function told(answer: Answer, emit: Emit): Answer {
  emit({ type: "text", text: answer.text });
  emit({ type: "done", answer });
  return answer;
}

/** What was read into a schema, and the questions' answers as one. */
export interface FieldsAnswer extends FieldsRead {
  readonly answer: Answer;
}

/** Fills a schema with the built-in reader, question by question; what the last message asks beside its picture is not read. */
export function answerFields(
  context: AnswerContext,
  messages: readonly Message[],
  options: ChatOptions & { readonly schema: unknown },
): Promise<FieldsAnswer> {
  return context.runtime.request(() => fieldsNow(context, messages, options));
}

async function fieldsNow(
  context: AnswerContext,
  messages: readonly Message[],
  options: ChatOptions & { readonly schema: unknown },
): Promise<FieldsAnswer> {
  const { reader } = context.runtime.description;
  invariant(reader !== undefined, "only the built-in reader is asked field by field");
  const { pictures } = splitConversation(messages);
  const ask = (question: string): Promise<Answer> =>
    answerNow(
      context,
      [{ role: "user", content: [...pictures, question] }],
      { ...options, schema: undefined },
      () => {},
    );
  const read = await readFields({ reader, calibration: context.calibration, ask }, options.schema);
  return { ...read, answer: joinedAnswer(read.value, read.answers) };
}

/** Reads the prompt once and samples it several times, all in the same steps. */
export function answerSamples(
  context: AnswerContext,
  messages: readonly Message[],
  options: ChatOptions & { readonly count: number },
): Promise<readonly Answer[]> {
  return context.runtime.request(() => samplesNow(context, messages, options));
}

async function samplesNow(
  context: AnswerContext,
  messages: readonly Message[],
  options: ChatOptions & { readonly count: number },
): Promise<readonly Answer[]> {
  const fixed = fixedAnswer(context.runtime.description.reader, messages);
  if (fixed !== undefined) return Array.from({ length: options.count }, () => fixed);
  const started = await startAnswer(context, messages, options, () => {});
  const { pool } = started.cache;
  const leases = [started.start.lease];
  try {
    for (let i = 1; i < options.count; i++) leases.push(pool.fork(started.start.lease));
    return await Promise.all(
      leases.map((lease, i) => {
        const settings = { ...started.settings, seed: (started.settings.seed + i) >>> 0 };
        const start = { lease, logits: started.start.logits.slice() };
        return sampleAnswer(context, { ...started, settings }, options, { start, emit: () => {} });
      }),
    );
  } finally {
    for (const lease of leases) lease.release();
  }
}

/** Searches with beams and gives all that finished. */
export function answerBeams(
  context: AnswerContext,
  messages: readonly Message[],
  { search, chat }: { readonly search: BeamOptions; readonly chat: ChatOptions },
): Promise<readonly Hypothesis[]> {
  return context.runtime.request(async () => {
    const { cache, start } = await startAnswer(context, messages, chat, () => {});
    using beams = new DecoderBeams(cache, start, chat.signal);
    return await beamSearch(start.logits, beams, search);
  });
}

/** Logits behind a prompt: what comparisons of two paths look at. */
export function promptLogits(
  context: AnswerContext,
  messages: readonly Message[],
  options: ChatOptions,
): Promise<Float32Array> {
  return context.runtime.request(async () => {
    const { start } = await startAnswer(context, messages, options, () => {});
    start.lease.release();
    return start.logits;
  });
}

/** Reads the pictures and the prompt of a request; the lease is the caller's. */
export async function startAnswer(
  context: AnswerContext,
  messages: readonly Message[],
  options: ChatOptions,
  emit: Emit,
): Promise<Started> {
  const { runtime, platform, template, pictures } = context;
  const { signal } = options;
  const settings = settingsFor(runtime, options);
  const beginMs = platform.nowMs();
  const split = splitConversation(messages);
  const read = await Promise.all(split.pictures.map((part) => readPicture({ ...options, ...part }, context, signal)));
  const placed = await pictures.place(read);
  const thinking = options.thinking ?? (options.schema === undefined ? undefined : false);
  const prompt = buildPrompt(
    { template, tokenizer: runtime.tokenizer, messages: split.messages, pictures: placed },
    { ...options, thinking },
  );
  checkLength(prompt, placed, runtime.contextLength);
  const cutMs = platform.nowMs();
  const progress = (stage: "views" | "prompt") => (done: number, total: number) =>
    emit({ type: "progress", stage, done, total });
  let rows: Float32Array | undefined;
  const isKept = (runtime.presentCache?.pool.keptLength(prompt.keys) ?? 0) > (prompt.visualAt.at(-1) ?? 0);
  // the tower goes first, so that it can leave before the language model comes
  if (placed.length > 0 && !isKept) rows = await pictures.rows(placed, { onView: progress("views"), signal });
  const encodedMs = platform.nowMs();
  const cache = await runtime.cache(signal);
  const start = await prefill(
    cache,
    {
      ...prompt,
      width: runtime.description.decoder.width,
      visualRows: async () => rows ?? pictures.rows(placed, { signal }),
    },
    { signal, onProgress: progress("prompt") },
  );
  const clock = { beginMs, cutMs, encodeMs: encodedMs - cutMs, prefilledMs: platform.nowMs() };
  return { cache, prompt, placed, start, settings, stopIds: stopIds(context, options), clock };
}

interface SampleTarget {
  readonly start: Prefilled;
  readonly emit: Emit;
}

async function sampleAnswer(
  context: AnswerContext,
  started: Started,
  options: ChatOptions,
  { start, emit }: SampleTarget,
): Promise<Answer> {
  const { settings, cache } = started;
  const constraint = schemaConstraint(context, options.schema);
  const sampler = new Sampler({
    settings,
    stopIds: started.stopIds,
    constraint,
    topCount: options.tokenEvents,
  });
  const writer = writerFor(context, started, options, emit);
  const steps = decode(cache, start, {
    sampler,
    stopIds: started.stopIds,
    maxNewTokens: settings.maxNewTokens,
    signal: options.signal,
  });
  let firstMs: number | undefined;
  let reason: FinishReason = "length";
  for (;;) {
    const next = await steps.next();
    if (next.done === true) {
      reason = next.value;
      break;
    }
    firstMs ??= context.platform.nowMs();
    if (writer.push(next.value, started.stopIds.has(next.value.id))) {
      reason = "stop string";
      break;
    }
  }
  return answerOf(context, started, { writer, reason, firstMs });
}

async function beamAnswer(context: AnswerContext, started: Started, options: ChatOptions, emit: Emit): Promise<Answer> {
  const { settings, stopIds: ends, cache, start } = started;
  if (options.schema !== undefined) {
    throw new ArgumentError("A schema cannot guide beam search.", "Leave out beams, or the schema.");
  }
  using beams = new DecoderBeams(cache, start, options.signal);
  const [best] = await beamSearch(start.logits, beams, {
    beamCount: options.beams ?? 1,
    maxNewTokens: settings.maxNewTokens,
    minNewTokens: settings.minNewTokens,
    repetitionPenalty: settings.repetitionPenalty,
    stopIds: ends,
    signal: options.signal,
  });
  const writer = writerFor(context, started, options, emit);
  // the score is all that beam search knows of probabilities
  for (const id of best?.ids ?? []) if (writer.push({ id, logProbability: 0, top: [] }, ends.has(id))) break;
  const reason = ends.has(best?.ids.at(-1) ?? -1) ? "stop" : "length";
  const answer = answerOf(context, started, { writer, reason, firstMs: undefined });
  return { ...answer, logProbability: (best?.score ?? 0) * (best?.ids.length ?? 0) };
}

function writerFor(context: AnswerContext, started: Started, options: ChatOptions, emit: Emit): AnswerWriter {
  return new AnswerWriter({
    tokenizer: context.runtime.tokenizer,
    startsThinking: started.prompt.startsThinking,
    stop: options.stop ?? [],
    givesTokens: options.tokenEvents !== undefined,
    emit,
  });
}

function answerOf(
  { platform }: AnswerContext,
  { clock, prompt, start, placed }: Started,
  end: { readonly writer: AnswerWriter; readonly reason: FinishReason; readonly firstMs: number | undefined },
): Answer {
  const { writer } = end;
  const finishReason = writer.finish(end.reason);
  const endMs = platform.nowMs();
  const firstMs = end.firstMs ?? endMs;
  const decodeMs = endMs - firstMs;
  const picture = placed.at(-1)?.picture;
  return {
    text: writer.text,
    thinking: writer.thinking,
    finishReason,
    places: picture === undefined ? [] : placesInFile(namedPlaces(writer.text), picture.file),
    tokens: writer.tokens,
    logProbability: writer.logProbability,
    usage: {
      promptTokens: prompt.ids.length,
      reusedTokens: start.lease.reused,
      pictureTokens: prompt.visualAt.length,
      completionTokens: writer.tokens.length,
    },
    timings: {
      preprocessMs: clock.cutMs - clock.beginMs,
      encodeMs: clock.encodeMs,
      prefillMs: clock.prefilledMs - clock.cutMs - clock.encodeMs,
      decodeMs,
      firstTokenMs: firstMs - clock.beginMs,
      tokensPerSecond: decodeMs > 0 ? ((writer.tokens.length - 1) / decodeMs) * 1000 : 0,
    },
  };
}
