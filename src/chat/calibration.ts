import { ArgumentError } from "../base/errors.ts";

/**
 * What a model's own probabilities are worth, measured on pictures it was not trained on: straight lines between points
 * [probability it gave, share that was right], both ascending from 0 to 1.
 */
export interface Calibration {
  readonly points: readonly (readonly [given: number, right: number])[];
  /** Values of less confidence are not shown. */
  readonly threshold: number;
}

/** Probabilities as the model gives them, and nothing held back. */
export const UNCALIBRATED: Calibration = {
  points: [
    [0, 0],
    [1, 1],
  ],
  threshold: 0,
};

/** Name of the table's file beside the weights. */
export const CALIBRATION_FILE = "calibration.json";

/** Reads a table. Throws ArgumentError where numbers are missing, leave 0…1, or fall. */
export function parseCalibration(value: unknown): Calibration {
  const { points, threshold } = Object(value);
  const isShare = (number: unknown): boolean => typeof number === "number" && number >= 0 && number <= 1;
  if (!isShare(threshold)) throw bad(`its threshold is ${JSON.stringify(threshold)}`);
  if (!Array.isArray(points) || points.length < 2) throw bad("it has fewer than two points");
  for (const [i, point] of points.entries()) {
    if (!Array.isArray(point) || point.length !== 2 || !point.every(isShare)) {
      throw bad(`point ${i} is ${JSON.stringify(point)}`);
    }
    const before = points[i - 1] ?? [-1, 0];
    if (point[0] <= before[0] || point[1] < before[1]) throw bad(`point ${i} does not ascend`);
  }
  return { points, threshold };
}

function bad(problem: string): ArgumentError {
  return new ArgumentError(
    `${CALIBRATION_FILE} is no table of confidences: ${problem}.`,
    "It holds a threshold and at least two ascending points [given, right], all from 0 to 1.",
  );
}

/** How likely a value is right, given the probability of the model. */
export function calibrated({ points }: Calibration, given: number): number {
  const above = points.findIndex(([x]) => x >= given);
  if (above === -1) return points[points.length - 1][1];
  if (above === 0) return points[0][1];
  const [[x0, y0], [x1, y1]] = [points[above - 1], points[above]];
  return y0 + ((given - x0) / (x1 - x0)) * (y1 - y0);
}
