import type { SamplePlace } from "../errors.ts";

/** Stands in a turn's text where a picture comes. */
export const IMAGE_MARK = "<image>";

/** One message of a conversation. */
export interface ChatTurn {
  readonly role: "system" | "user" | "assistant";
  /** Text with `<image>` at the place of each picture. */
  readonly content: string;
  /** False where an answer is context only; absent means that assistant turns are trained on. */
  readonly isTrained?: boolean;
}

/** A conversation to train on, whatever file it came from. */
export interface ChatSample {
  readonly id?: string;
  /** Paths, URLs or data: URIs, one for each `<image>`, in reading order. */
  readonly images: readonly string[];
  readonly turns: readonly ChatTurn[];
  /** The worse answer of a preference pair; the last turn is the better one. */
  readonly rejected?: string;
}

/** A sample and where it came from, so that later trouble can name it. */
export interface PlacedSample extends ChatSample {
  readonly place: SamplePlace;
}

/** How many `<image>` marks a conversation has. */
export function markCount(turns: readonly ChatTurn[]): number {
  return turns.reduce((count, { content }) => count + content.split(IMAGE_MARK).length - 1, 0);
}
