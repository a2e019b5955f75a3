import { expect, test } from "vitest";
import { calibrated, parseCalibration, UNCALIBRATED } from "./calibration.ts";

test("without a table the model's own probability stands", () => {
  for (const given of [0, 0.25, 1]) expect(calibrated(UNCALIBRATED, given)).toBe(given);
});

// would catch: steps instead of lines, and a probability beyond the table's ends that leaves it
test("a table is read along straight lines, and flat beyond its ends", () => {
  const table = parseCalibration({
    threshold: 0.5,
    points: [
      [0.2, 0.1],
      [0.6, 0.3],
      [0.9, 0.9],
    ],
  });
  expect(calibrated(table, 0.4)).toBeCloseTo(0.2, 12);
  expect(calibrated(table, 0.75)).toBeCloseTo(0.6, 12);
  expect(calibrated(table, 0.05)).toBe(0.1);
  expect(calibrated(table, 1)).toBe(0.9);
});

// would catch: a damaged file that silently shows everything or nothing
test.each([
  [{ points: [] }, /threshold is undefined/],
  [{ threshold: 0.5, points: [[0, 0]] }, /fewer than two points/],
  [
    {
      threshold: 0.5,
      points: [
        [0, 0],
        [2, 1],
      ],
    },
    /point 1 is \[2,1\]/,
  ],
  [
    {
      threshold: 0.5,
      points: [
        [0, 0.5],
        [1, 0.2],
      ],
    },
    /point 1 does not ascend/,
  ],
])("%j is refused", (value, message) => {
  expect(() => parseCalibration(value)).toThrow(message);
});
