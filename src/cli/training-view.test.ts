import { stripVTControlCharacters } from "node:util";
import { expect, test } from "vitest";
import { curve, lineDisplay, liveDisplay, viewLines } from "./training-view.ts";

const ROW = {
  stage: "a stage with a name that is longer than most terminals are wide, as users like them",
  step: 12345,
  samples: 500,
  loss: 1.25,
  gradientNorm: 0.5,
  rate: 1e-4,
  tokensPerSecond: 1234,
  fill: 0.97,
  seconds: 10,
};
const PLACE = { stage: 2, stageCount: 3, stageSamples: 1000, secondsLeft: 200 };
const paint = (_: string, text: string): string => `\u001b[1m${text}\u001b[0m`;
const plain = (_: string, text: string): string => text;

// bug: a line that wraps, so that the next picture is drawn over the wrong rows
test.each([20, 34, 80, 200])("no line is wider than a terminal of %i columns", (columns) => {
  const view = { row: ROW, place: PLACE, losses: Array.from({ length: 900 }, (_, i) => 9 / (i + 1)), isStopping: true };
  const lines = viewLines(view, { paint, columns }).map((line) => stripVTControlCharacters(line));
  for (const line of lines) expect(line.length).toBeLessThan(Math.max(21, columns));
  if (columns >= 80) {
    for (const shown of ["loss      1.2500", "0.500", "1,234 tokens/s", "50.0 %", "3 min left", "97 % full"])
      expect(lines.join("\n")).toContain(shown);
  }
});

// bug: a falling loss drawn as a rising one, a spike averaged away at the wrong end, infinity breaking the scale
test("the curve falls with its values, newest on the right", () => {
  expect(curve([8, 7, 6, 5, 4, 3, 2, 1], 8)).toBe("█▇▆▅▄▃▂▁");
  expect(curve([4, 4, 0, 0], 2)).toBe("█▁");
  expect(curve([Number.POSITIVE_INFINITY, 1, Number.NaN, 0], 9)).toBe("█▁");
  expect(curve([3, 3], 5)).toBe("▁▁");
  expect(curve([], 5)).toBe("");
});

// bug: pictures below each other, or what stood above the view being overwritten
test("each picture is drawn over the one before it, and the last stays", () => {
  const written: string[] = [];
  let nowMs = 0;
  const display = liveDisplay({
    write: (text) => void written.push(text),
    canvas: { paint: plain, columns: 60 },
    nowMs: () => nowMs,
    isStopping: () => false,
  });
  display.step(ROW, PLACE);
  nowMs = 50;
  display.step({ ...ROW, step: 2 }, PLACE);
  expect(written).toHaveLength(1);
  nowMs = 200;
  display.step({ ...ROW, step: 3 }, PLACE);
  nowMs = 210;
  display.step({ ...ROW, step: 4, loss: 0.125 }, PLACE);
  display.end();
  display.end();
  expect(written).toHaveLength(3);
  const height = written[0].split("\n").length - 1;
  expect(written[0].startsWith("\r")).toBe(true);
  for (const text of written.slice(1)) {
    expect(text.startsWith(`\u001b[${height}A`)).toBe(true);
    expect(text.split("\n").length - 1).toBe(height);
  }
  expect(written[2]).toContain("0.1250");
});

// bug: a log file of thousands of lines, or one that leaves out the last step
test("plain lines come with a stage's first step, every few seconds and at the end", () => {
  const written: string[] = [];
  let nowMs = 0;
  const display = lineDisplay({ write: (text) => void written.push(text), nowMs: () => nowMs });
  for (let step = 1; step <= 10; step++) {
    nowMs += 1000;
    display.step({ ...ROW, stage: "s", step }, { ...PLACE, stage: step < 9 ? 1 : 2 });
  }
  display.end();
  const steps = written.map((line) => Number(/step (\d+)/.exec(line)?.[1]));
  expect(steps).toEqual([1, 6, 8, 9, 10]);
  for (const line of written) expect([line.endsWith("\n"), line.includes("\u001b")]).toEqual([true, false]);
});
