import { load, type Message, type Model, type ModelReference } from "minicpmv";
import { pictureRule, pictureTokens, planPicture, viewCount } from "minicpmv/web";
import type { CallContext } from "./engine-worker.ts";
import type { AnswerStats, ModelInfo, ModelSource, PictureViews, PromptCost, Turn } from "./protocol.ts";
import { embeddedReference, storedReference } from "./storage-calls.ts";

let model: Model | undefined;

/** The opened model. Throws where there is none: the page asks for one first. */
export function openedModel(): Model {
  if (model === undefined) throw new Error("No model is open. Choose one first.");
  return model;
}

/** Opens a model in place of the one before. */
export async function loadModel(source: ModelSource, { emit, signal }: CallContext<"load">): Promise<ModelInfo> {
  const reference = await referenceOf(source);
  const before = model;
  model = undefined;
  await before?.[Symbol.asyncDispose]();
  model = await load(reference, {
    load: "together",
    signal,
    onLoad: (part, done, total) => emit({ part, done, total }),
  });
  const { runtime, title } = model;
  const isReader = runtime.description.reader !== undefined;
  return { title, contextLength: runtime.contextLength, threadCount: runtime.backend.info.threadCount, isReader };
}

async function referenceOf(source: ModelSource): Promise<ModelReference> {
  switch (source.kind) {
    case "embedded":
      return embeddedReference();
    case "files":
      return { language: source.language, vision: source.vision };
    case "stored":
      return storedReference(source.repo);
  }
}

/** How the model will cut a picture, and what that costs. */
export async function viewsOf(picture: Blob): Promise<PictureViews> {
  const bitmap = await createImageBitmap(picture);
  const { width, height } = bitmap;
  bitmap.close();
  const rule = pictureRule(openedModel().runtime.description);
  const plan = planPicture({ width, height }, rule);
  const { columns, rows } = plan.sliced?.grid ?? { columns: 1, rows: 1 };
  return { width, height, columns, rows, views: viewCount(plan), tokens: pictureTokens(plan, rule.tokens) };
}

export async function costOf(turns: readonly Turn[]): Promise<PromptCost> {
  const { total, left } = await openedModel().countTokens(messagesOf(turns));
  return { total, left };
}

/** Streams the answer to a conversation. */
export async function askModel(turns: readonly Turn[], { emit, signal }: CallContext<"ask">): Promise<AnswerStats> {
  let stats: AnswerStats | undefined;
  const asked = openedModel();
  const isReader = asked.runtime.description.reader !== undefined;
  for await (const event of asked.chat(messagesOf(turns), { signal })) {
    switch (event.type) {
      case "text":
      case "thinking":
        emit({ kind: event.type, text: event.text });
        break;
      case "progress":
        emit({ kind: "progress", stage: event.stage, done: event.done, total: event.total });
        break;
      case "done": {
        const { timings, usage, text } = event.answer;
        const wordCount = text.split(/\s+/).filter((word) => word !== "").length;
        stats = {
          model: asked.title,
          values: isReader
            ? asked.readings(event.answer).map(({ text: value, confidence }) => ({ text: value, confidence }))
            : [],
          firstTokenMs: timings.firstTokenMs,
          encodeMs: timings.encodeMs,
          tokenCount: usage.completionTokens,
          decodeMs: timings.decodeMs,
          wordsPerSecond: timings.decodeMs > 0 ? (wordCount * 1000) / timings.decodeMs : 0,
        };
        break;
      }
      case "token":
        break;
    }
  }
  if (stats === undefined) throw new Error("The answer ended without its statistics.");
  return stats;
}

function messagesOf(turns: readonly Turn[]): readonly Message[] {
  return turns.map(({ role, text, pictures }) => ({ role, content: [...pictures, text] }));
}
