import type { CommonRequest } from "../chat-request.ts";
import type { ScoredToken } from "../engine.ts";
import { errorReply } from "../error-reply.ts";
import type { AnswerPart, ChoicePart } from "../run-answer.ts";
import { timingsBody, usageBody } from "./reply-parts.ts";

type EndPart = Extract<AnswerPart, { readonly kind: "end" }>;

/** One answer, gathered. */
export interface Choice {
  readonly text: string;
  readonly reasoning: string;
  readonly tokens: readonly ScoredToken[];
  readonly reason: "stop" | "length";
}

/** What chat and text completions write differently. */
export interface ReplyForm {
  readonly idPrefix: string;
  readonly object: string;
  readonly chunkObject: string;
  /** An answer as a choice without index and finish_reason. */
  choice(choice: Choice): object;
  /** A piece of an answer as a choice of a stream; undefined writes nothing. */
  piece(part: Exclude<AnswerPart, EndPart>): object | undefined;
  /** Opens an answer in a stream; undefined writes nothing. */
  readonly opening: object | undefined;
  /** The last choice of an answer in a stream. */
  readonly closing: object;
}

export interface ReplyHead {
  readonly id: string;
  readonly createdSeconds: number;
  readonly model: string;
}

/** The whole answer as one body. */
export async function completionBody(parts: AsyncIterable<ChoicePart>, form: ReplyForm, head: ReplyHead) {
  const gathered: { text: string; reasoning: string; tokens: ScoredToken[]; end?: EndPart }[] = [];
  for await (const { index, part } of parts) {
    gathered[index] ??= { text: "", reasoning: "", tokens: [] };
    const choice = gathered[index];
    if (part.kind === "end") choice.end = part;
    else if (part.kind === "reasoning") choice.reasoning += part.text;
    else {
      choice.text += part.text;
      choice.tokens.push(...part.tokens);
    }
  }
  const ends = gathered.flatMap(({ end }) => end ?? []);
  const last = ends.at(-1);
  return {
    ...headBody(head, form.object),
    choices: gathered.map(({ end, ...choice }, index) => {
      const reason = end?.reason ?? "stop";
      return { index, ...form.choice({ ...choice, reason }), finish_reason: reason };
    }),
    usage: usageBody(ends.map(({ usage }) => usage)),
    ...(last === undefined ? {} : { timings: timingsBody(last.usage, last.times) }),
  };
}

/** The answer as server-sent events, closed by [DONE]. */
export async function* completionEvents(
  parts: AsyncIterable<ChoicePart>,
  form: ReplyForm,
  head: ReplyHead,
  { includeUsage }: Pick<CommonRequest, "includeUsage">,
): AsyncGenerator<string> {
  const base = headBody(head, form.chunkObject);
  const opened = new Set<number>();
  const ends: EndPart[] = [];
  for await (const { index, part } of parts) {
    if (!opened.has(index) && form.opening !== undefined) {
      yield event({ ...base, choices: [{ index, ...form.opening, finish_reason: null }] });
    }
    opened.add(index);
    if (part.kind === "end") {
      ends.push(part);
      const choices = [{ index, ...form.closing, finish_reason: part.reason }];
      yield event({ ...base, choices, timings: timingsBody(part.usage, part.times) });
      continue;
    }
    const piece = form.piece(part);
    if (piece !== undefined) yield event({ ...base, choices: [{ index, ...piece, finish_reason: null }] });
  }
  if (includeUsage) yield event({ ...base, choices: [], usage: usageBody(ends.map(({ usage }) => usage)) });
  yield "data: [DONE]\n\n";
}

/** How a stream that has begun tells of a failure. */
export function errorEvent(error: unknown): string {
  return `${event(errorReply(error).body)}data: [DONE]\n\n`;
}

function event(body: object): string {
  return `data: ${JSON.stringify(body)}\n\n`;
}

function headBody({ id, createdSeconds, model }: ReplyHead, object: string) {
  return { id, object, created: createdSeconds, model };
}
