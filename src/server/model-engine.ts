import type { ChatOptions } from "../chat/chat-options.ts";
import type { ImagePart, Message } from "../chat/message.ts";
import type { Model } from "../chat/model.ts";
import { pictureRule } from "../chat/picture.ts";
import { CHAT_TEMPLATES } from "../chat/templates/template-registry.ts";
import { planPicture } from "../image/prepare-picture.ts";
import { viewCount } from "../image/slice-plan.ts";
import { pictureTokens } from "../image/token-cost.ts";
import { continueText } from "./continue-text.ts";
import type {
  ChatEngine,
  EngineInfo,
  EngineInput,
  EnginePart,
  EnginePicture,
  EngineRequest,
  PictureCost,
  ScoredToken,
} from "./engine.ts";
import { endPart, schemaOf, scoredToken } from "./engine-parts.ts";

export interface ModelEngineOptions {
  /** Name that clients ask for; made from the title by default. */
  readonly id?: string | undefined;
  readonly parallelCount: number;
}

/** Stands for a picture in a rendered prompt, as llama.cpp's server has it. */
const MEDIA_MARK = "<__media__>";

/** An opened model as the server uses it. The model stays the caller's. */
export function modelEngine(model: Model, options: ModelEngineOptions): ChatEngine {
  const { runtime } = model;
  const { tokenizer } = runtime;
  return {
    info: infoOf(model, options),
    answer: (request) =>
      request.input.kind === "text" ? continueText(model, request.input.prompt, request) : answerChat(model, request),
    pictureCache: () => model.pictureCache,
    cost: async (input) => {
      if (input.kind === "text") return { tokens: tokenizer.encode(input.prompt).length, pictures: [] };
      const { total } = await model.countTokens(messagesOf(input.messages), { thinking: input.thinking });
      return { tokens: total, pictures: picturesOf(input).map((picture) => costOf(model, picture)) };
    },
    tokenize: (text, how) => tokenizer.encode(text, how),
    detokenize: (ids) => model.detokenise(ids),
    render: (input) => renderInput(model, input),
  };
}

function infoOf({ runtime, title }: Model, { id, parallelCount }: ModelEngineOptions): EngineInfo {
  const { description, contextLength, plan } = runtime;
  return {
    id: id ?? description.reader?.id ?? title.toLowerCase().replaceAll(" ", "-"),
    title,
    version: description.version,
    contextLength,
    hasVision: true,
    canThink: CHAT_TEMPLATES[description.template].thinkingDefault !== undefined,
    // where tower and language model take turns in memory, two answers would take each other's away
    parallelCount: plan.keepsBoth ? parallelCount : 1,
    sizeBytes: plan.peakBytes,
  };
}

async function* answerChat(model: Model, request: EngineRequest): AsyncGenerator<EnginePart> {
  const { input, sampling, stop, format, topLogProbabilities, ignoresEnd, signal } = request;
  if (input.kind === "text") return;
  const options: ChatOptions = {
    ...sampling,
    stop,
    signal,
    thinking: input.thinking,
    schema: schemaOf(format),
    tokenEvents: topLogProbabilities,
    ignoresStopTokens: ignoresEnd,
  };
  let pending: ScoredToken[] = [];
  for await (const event of model.chat(messagesOf(input.messages), options)) {
    switch (event.type) {
      case "token":
        pending.push(scoredToken(event.token, model.runtime.tokenizer));
        break;
      case "thinking":
        pending = []; // likelihoods are reported for the answer's own tokens
        yield { kind: "reasoning", text: event.text };
        break;
      case "text":
        yield { kind: "text", text: event.text, tokens: pending };
        pending = [];
        break;
      case "done":
        if (pending.length > 0) yield { kind: "text", text: "", tokens: pending };
        yield endPart(
          event.answer,
          picturesOf(input).map((picture) => costOf(model, picture)),
        );
        break;
      case "progress":
        break;
    }
  }
}

type ChatInput = Extract<EngineInput, { readonly kind: "chat" }>;

function messagesOf(messages: ChatInput["messages"]): readonly Message[] {
  return messages.map(({ role, content, reasoning }) => ({
    role,
    reasoning,
    content: content.map((part) => (part.type === "text" ? part.text : imagePart(part.picture))),
  }));
}

function imagePart({ image, detail, maxSlices }: EnginePicture): ImagePart {
  return { image, detail, maxSlices };
}

function picturesOf(input: EngineInput): readonly EnginePicture[] {
  if (input.kind === "text") return [];
  return input.messages.flatMap(({ content }) =>
    content.flatMap((part) => (part.type === "text" ? [] : [part.picture])),
  );
}

function costOf({ runtime }: Model, picture: EnginePicture): PictureCost {
  const { width, height } = picture.image;
  const rule = pictureRule(runtime.description, picture);
  const plan = planPicture({ width, height }, rule);
  return { width, height, views: viewCount(plan), tokens: pictureTokens(plan, rule.tokens) };
}

function renderInput({ runtime }: Model, input: EngineInput): string {
  if (input.kind === "text") return input.prompt;
  const messages = input.messages.map(({ role, content, reasoning }) => ({
    role,
    reasoning,
    content: content.map((part) => (part.type === "text" ? part : ({ type: "image" } as const))),
  }));
  const template = CHAT_TEMPLATES[runtime.description.template];
  const segments = template.render(messages, { thinking: input.thinking });
  return segments.map((segment) => (segment.kind === "image" ? MEDIA_MARK : segment.text)).join("");
}
