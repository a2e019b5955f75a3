import { type Calibration, calibrated } from "../../src/chat/calibration.ts";

/** One value that was read: the probability it was given, and whether it was right. */
export interface Judged {
  readonly given: number;
  readonly isRight: boolean;
}

const DIGITS = 4;

/**
 * Pool-adjacent-violators: the monotone steps that fit best, as the points at their middles. One right and one wrong
 * value at each end keep small samples from certainty.
 */
export function isotonicTable(judged: readonly Judged[]): Calibration["points"] {
  const sorted = [
    { given: 0, right: 0 },
    { given: 1, right: 1 },
  ]
    .concat(judged.map(({ given, isRight }) => ({ given, right: isRight ? 1 : 0 })))
    .sort((a, b) => a.given - b.given);
  const blocks: { sum: number; right: number; count: number }[] = [];
  for (const { given, right } of sorted) {
    blocks.push({ sum: given, right, count: 1 });
    for (let last = blocks.length - 1; last > 0; last--) {
      const [a, b] = [blocks[last - 1], blocks[last]];
      if (a.right / a.count < b.right / b.count) break;
      blocks.splice(last - 1, 2, { sum: a.sum + b.sum, right: a.right + b.right, count: a.count + b.count });
    }
  }
  const points = blocks.map(
    ({ sum, right, count }) => [rounded(sum / count), rounded(right / count)] as readonly [number, number],
  );
  const ascending = points.filter(([given], i) => i === 0 || given > points[i - 1][0]);
  const [first, last] = [ascending[0], ascending[ascending.length - 1]];
  return [
    ...(first[0] > 0 ? [[0, first[1]] as const] : []),
    ...ascending,
    ...(last[0] < 1 ? [[1, last[1]] as const] : []),
  ];
}

/** Smallest confidence above which the values that are shown are right in `precision` of the cases; 1 where none is. */
export function thresholdFor(judged: readonly Judged[], points: Calibration["points"], precision: number): number {
  const table = { points, threshold: 0 };
  const sure = judged
    .map(({ given, isRight }) => ({ confidence: calibrated(table, given), isRight }))
    .sort((a, b) => b.confidence - a.confidence);
  let threshold = 1;
  let right = 0;
  for (const [i, { confidence, isRight }] of sure.entries()) {
    if (isRight) right++;
    const isLastOfItsKind = sure[i + 1]?.confidence !== confidence;
    if (isLastOfItsKind && right / (i + 1) >= precision) threshold = confidence;
  }
  return rounded(threshold);
}

/** Expected calibration error over ten equal bins. */
export function calibrationError(judged: readonly Judged[]): number {
  const bins = Array.from({ length: 10 }, () => ({ count: 0, given: 0, right: 0 }));
  for (const { given, isRight } of judged) {
    const bin = bins[Math.min(9, Math.floor(given * 10))];
    bin.count++;
    bin.given += given;
    if (isRight) bin.right++;
  }
  return bins.reduce((sum, { given, right }) => sum + Math.abs(given - right), 0) / judged.length;
}

function rounded(value: number): number {
  return Number(value.toFixed(DIGITS));
}
