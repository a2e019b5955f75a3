import { seededRandom } from "../base/random.ts";

/** An answer and its score. */
export interface ScoredAnswer {
  readonly text: string;
  readonly score: number;
}

/** Two answers to one question. */
export interface AnswerPair {
  readonly chosen: ScoredAnswer;
  readonly rejected: ScoredAnswer;
}

export interface PairOptions {
  /** Smallest difference of scores. */
  readonly gap?: number;
  /** Pairs of one instruction. */
  readonly most?: number;
  readonly seed: number;
}

/** All pairs whose scores differ enough, of which a few are drawn (RLAIF-V: gap 1, two pairs of an instruction). */
export function buildPairs(
  answers: readonly ScoredAnswer[],
  { gap = 1, most = 2, seed }: PairOptions,
): readonly AnswerPair[] {
  const pairs: AnswerPair[] = [];
  for (const [i, a] of answers.entries()) {
    for (const b of answers.slice(i + 1)) {
      if (Math.abs(a.score - b.score) < gap || a.text === b.text) continue;
      pairs.push(a.score > b.score ? { chosen: a, rejected: b } : { chosen: b, rejected: a });
    }
  }
  const random = seededRandom(seed);
  for (let i = pairs.length - 1; i > 0; i--) {
    const j = random.below(i + 1);
    [pairs[i], pairs[j]] = [pairs[j], pairs[i]];
  }
  return pairs.slice(0, most);
}

/** Pairs that a length filter keeps. */
export interface LengthFilter {
  /** Largest share by which the better answer may be shorter than the worse one. */
  readonly ratio: number;
  readonly pairs: readonly AnswerPair[];
}

/**
 * Few claims make few mistakes, so that scores favour short answers: drops pairs whose better answer is shorter by more
 * than a ratio, the ratio searched from 0 to 0.98 for the kept pairs' mean lengths to lie closest together.
 */
export function balanceLengths(pairs: readonly AnswerPair[]): LengthFilter {
  let best: LengthFilter & { readonly distance: number } = { ratio: 0, pairs: [], distance: Infinity };
  for (let step = 0; step < 50; step++) {
    const ratio = step / 50;
    const kept = pairs.filter((pair) => shortening(pair) <= ratio);
    const distance = lengthDistance(kept);
    if (distance < best.distance) best = { ratio, pairs: kept, distance };
  }
  return { ratio: best.ratio, pairs: best.pairs };
}

/** Words of the worse answer that the better one saves, as a share. */
function shortening({ chosen, rejected }: AnswerPair): number {
  const length = wordCount(rejected.text);
  return (length - wordCount(chosen.text)) / Math.max(1, length);
}

/** How far the mean lengths of better and worse answers lie apart, by the worse ones' mean. */
export function lengthDistance(pairs: readonly AnswerPair[]): number {
  if (pairs.length === 0) return Infinity;
  const total = (pick: (pair: AnswerPair) => string): number =>
    pairs.reduce((sum, pair) => sum + wordCount(pick(pair)), 0);
  const rejected = total((pair) => pair.rejected.text);
  return Math.abs(total((pair) => pair.chosen.text) - rejected) / Math.max(1, rejected);
}

function wordCount(text: string): number {
  return text.match(/\S+/g)?.length ?? 0;
}
