import { expect, test } from "vitest";
import { seededRandom } from "../../src/base/random.ts";
import { calibrated, parseCalibration } from "../../src/chat/calibration.ts";
import { calibrationError, isotonicTable, thresholdFor } from "./isotonic.ts";

/** A model that is right in given² of the cases: too sure of itself. */
function overconfident(count: number, seed: number) {
  const random = seededRandom(seed);
  return Array.from({ length: count }, () => {
    const given = random.next();
    return { given, isRight: random.next() < given ** 2 };
  });
}

// would catch: a table that falls, one that the reader of tables refuses, and one that makes matters worse
test("a fitted table takes most of the error away on values it has not seen", () => {
  const points = isotonicTable(overconfident(2000, 1));
  const table = parseCalibration({ points, threshold: 0 });
  const unseen = overconfident(2000, 2);
  const corrected = unseen.map(({ given, isRight }) => ({ given: calibrated(table, given), isRight }));
  expect(calibrationError(unseen)).toBeGreaterThan(0.1);
  expect(calibrationError(corrected)).toBeLessThan(0.04);
});

test("the threshold leaves enough of the shown values right", () => {
  const judged = overconfident(2000, 3);
  const points = isotonicTable(judged);
  const threshold = thresholdFor(judged, points, 0.8);
  const shown = judged.filter(({ given }) => calibrated({ points, threshold }, given) >= threshold);
  expect(shown.length).toBeGreaterThan(100);
  expect(shown.filter(({ isRight }) => isRight).length / shown.length).toBeGreaterThan(0.79);
});

test("a model that is never right shows nothing, and one that is always right keeps its confidence", () => {
  const given = Array.from({ length: 50 }, (_, i) => i / 50);
  const never = given.map((each) => ({ given: each, isRight: false }));
  expect(thresholdFor(never, isotonicTable(never), 0.9)).toBe(1);
  const always = isotonicTable(given.map((each) => ({ given: each, isRight: true })));
  expect(calibrated({ points: always, threshold: 0 }, 0.9)).toBe(1);
});
