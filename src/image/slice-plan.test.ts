import { expect, test } from "vitest";
import { pythonRound } from "./python-round.ts";
import { slicePlan, viewCount } from "./slice-plan.ts";

/** width, height, maxSlices, grid, overview, refined, slice */
type Row = readonly [number, number, number, string, string, string, string];

// Rows written out from the released image processors; a wrong rounding, candidate order or truncation moves one of them.
const GRANULE_14: readonly Row[] = [
  [100, 80, 9, "-", "504x406", "-", "-"],
  [448, 448, 9, "-", "448x448", "-", "-"],
  [449, 448, 9, "2x1", "448x448", "644x630", "322x630"],
  [640, 480, 9, "2x1", "518x392", "728x546", "364x546"],
  [480, 640, 9, "1x2", "392x518", "546x728", "546x364"],
  [800, 600, 9, "2x2", "518x392", "1036x784", "518x392"],
  [1024, 768, 9, "2x2", "518x392", "1036x784", "518x392"],
  [1344, 1344, 9, "3x3", "448x448", "1344x1344", "448x448"],
  [1920, 1080, 9, "4x2", "602x336", "1680x952", "420x476"],
  [1080, 1920, 9, "2x4", "336x602", "952x1680", "476x420"],
  [2000, 500, 9, "4x1", "896x224", "1792x448", "448x448"],
  [3000, 200, 9, "4x1", "1722x112", "3472x224", "868x224"],
  [4032, 3024, 9, "3x3", "518x392", "1554x1176", "518x392"],
  [1240, 1754, 9, "2x4", "378x532", "1064x1512", "532x378"],
  [3840, 2160, 9, "4x2", "602x336", "1680x952", "420x476"],
  [28, 1400, 9, "-", "56x3164", "-", "-"],
];
const GRANULE_56: readonly Row[] = [
  [100, 80, 9, "-", "504x392", "-", "-"],
  [449, 448, 36, "2x1", "448x448", "672x616", "336x616"],
  [640, 480, 9, "2x1", "504x392", "784x560", "392x560"],
  [1024, 768, 36, "2x2", "504x392", "1008x784", "504x392"],
  [1344, 1344, 9, "3x3", "448x448", "1344x1344", "448x448"],
  [1920, 1080, 9, "4x2", "616x336", "1792x896", "448x448"],
  [1920, 1080, 36, "4x3", "616x336", "2016x1176", "504x392"],
  [4032, 3024, 9, "3x3", "504x392", "1512x1176", "504x392"],
  [4032, 3024, 36, "7x5", "504x392", "3136x2240", "448x448"],
  [3840, 2160, 36, "9x4", "616x336", "3528x2016", "392x504"],
  [2480, 3508, 36, "5x7", "392x560", "2240x3136", "448x448"],
  [3000, 200, 9, "4x1", "1736x112", "3360x224", "840x224"],
  [28, 1400, 9, "-", "56x3192", "-", "-"],
];

test.each([...GRANULE_14.map((row) => ({ granule: 14, row })), ...GRANULE_56.map((row) => ({ granule: 56, row }))])(
  "granule $granule: plan of $row",
  ({ granule, row }) => {
    const [width, height, maxSlices, ...expected] = row;
    const { overview, sliced } = slicePlan({ width, height }, { granule, maxSlices });
    const text = (size: { width: number; height: number } | undefined) => (size ? `${size.width}x${size.height}` : "-");
    const grid = sliced ? `${sliced.grid.columns}x${sliced.grid.rows}` : "-";
    expect([grid, text(overview), text(sliced?.refined), text(sliced?.slice)]).toEqual(expected);
  },
);

test("halves round to the even neighbour", () => {
  // Math.round would give 33, 34, 1: views would be 14 pixels off
  expect([455 / 14, 469 / 14, 0.5].map(pythonRound)).toEqual([32, 34, 0]);
});

test("neverSplit keeps one view at any size", () => {
  // the low-detail switch would silently slice
  expect(viewCount(slicePlan({ width: 4000, height: 3000 }, { granule: 14, maxSlices: 9, neverSplit: true }))).toBe(1);
});

test("an empty picture is refused", () => {
  // a ratio of 0/0 would reach the grid search as NaN
  expect(() => slicePlan({ width: 0, height: 5 }, { granule: 14, maxSlices: 9 })).toThrow(/0×5/);
});
