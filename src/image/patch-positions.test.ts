import { expect, test } from "vitest";
import { navitPositions, stripPositions } from "./patch-positions.ts";
import { mergedGrid, windowOrder } from "./window-order.ts";

test("32 columns fall in the published buckets", () => {
  // rounding instead of flooring, or (n − 1) as divisor, shifts the ids
  const row = [
    0, 2, 4, 6, 8, 10, 13, 15, 17, 19, 21, 24, 26, 28, 30, 32, 35, 37, 39, 41, 43, 45, 48, 50, 52, 54, 56, 59, 61, 63,
    65, 67,
  ];
  expect([...navitPositions({ rows: 1, columns: 32 })]).toEqual(row);
  expect([...navitPositions({ rows: 2, columns: 32 }).slice(32)]).toEqual(row.map((id) => 35 * 70 + id));
});

test("buckets equal bucketising float32 fractions for every length up to 399", () => {
  // the integer form stands for the released float procedure; they must not part at any length
  const boundaries = Float32Array.from({ length: 69 }, (_, k) => Math.fround((k + 1) / 70));
  for (let length = 1; length < 400; length++) {
    const expected = Array.from({ length }, (_, i) => {
      const fraction = Math.fround(Math.fround(i) / Math.fround(length));
      return boundaries.filter((boundary) => boundary <= fraction).length;
    });
    expect([...navitPositions({ rows: 1, columns: length })]).toEqual(expected);
  }
});

test("strip positions run once over the table, or over the longest view of the batch", () => {
  // V-2.5's quirk: 2-D buckets or the wrong strip length change its answers
  expect([...stripPositions(4)]).toEqual([0, 17, 35, 52]);
  expect([...stripPositions(4, 70)]).toEqual([0, 1, 2, 3]);
  expect(() => stripPositions(5, 4)).toThrow(/strip of 4/);
});

test("windows come in raster order, row by row inside", () => {
  // column-major windows would feed the merger transposed neighbourhoods
  expect([...windowOrder({ rows: 2, columns: 4 })]).toEqual([0, 1, 4, 5, 2, 3, 6, 7]);
  expect(mergedGrid({ rows: 4, columns: 6 })).toEqual({ rows: 2, columns: 3 });
  expect(() => windowOrder({ rows: 3, columns: 4 })).toThrow(/3×4/);
});
