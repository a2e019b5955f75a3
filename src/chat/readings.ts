import type { Box } from "../image/rgb-image.ts";
import type { Answer } from "./answer.ts";
import { type Calibration, calibrated } from "./calibration.ts";

/** One value of an answer with the place it was read from. */
export interface Reading {
  readonly text: string;
  /** In pixels of the picture's file. */
  readonly box: Box | undefined;
  /** How likely the text is right, 0…1. */
  readonly confidence: number;
}

/** Values that stand before a place: `12.99<box>…</box>`. An answer without places is one value. */
export function readingsOf(answer: Answer, calibration: Calibration): Reading[] {
  const { text, places } = answer;
  if (places.length === 0) {
    if (text === "") return [];
    return [{ text, box: undefined, confidence: calibrated(calibration, Math.exp(answer.logProbability)) }];
  }
  let at = 0;
  return places.map(({ start, end, box, label }) => {
    const value = text.slice(at, start);
    const begin = at;
    at = end;
    // the mark that follows says that the value ends there, and is part of having read it
    const confidence = calibrated(calibration, spanProbability(answer, begin, start + 1));
    return { text: label ?? value.trim(), box, confidence };
  });
}

/** Probability that the model gave to the tokens of text[begin, end). */
export function spanProbability({ tokens }: Pick<Answer, "tokens">, begin: number, end: number): number {
  let sum = 0;
  let at = 0;
  for (const { text, logProbability } of tokens) {
    const next = at + text.length;
    // a token without text of its own starts a character that a later one completes
    if (next > begin && at < end) sum += logProbability;
    at = next;
  }
  return Math.exp(sum);
}

const MARK = /<ref>|<\/ref>|<(box|point|quad)>[^<]*(?:<\/\1>|$)/g;

/** The text without the marks of places. */
export function withoutMarks(text: string): string {
  return text.replace(MARK, "");
}
