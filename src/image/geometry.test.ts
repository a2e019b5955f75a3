import fc from "fast-check";
import { expect, test } from "vitest";
import { testPicture } from "../../test/golden/image/test-picture.ts";
import type { Orientation } from "./exif.ts";
import { fileBox, filePoint, normalisedPoint, uprightPoint } from "./geometry.ts";
import { applyOrientation, orientedSize } from "./orientation.ts";
import { slicePlan } from "./slice-plan.ts";

const orientations: readonly Orientation[] = [1, 2, 3, 4, 5, 6, 7, 8];
const anyOrientation = fc.constantFrom(...orientations);
const anySize = fc.record({ width: fc.integer({ min: 1, max: 6000 }), height: fc.integer({ min: 1, max: 6000 }) });
// share of the width or height, in thousandths
const anyShare = fc.integer({ min: 0, max: 1000 });
const picture = { kind: "picture" } as const;

test.each(orientations)(
  "orientation %i: the file pixel under an upright pixel's centre has its colour",
  (orientation) => {
    // a swapped or mirrored axis would put boxes on the wrong side of rotated phone photos
    const stored = testPicture(7, 4, 2);
    const upright = applyOrientation(stored, orientation);
    for (let y = 0; y < upright.height; y++) {
      for (let x = 0; x < upright.width; x++) {
        const centre = normalisedPoint({ x: x + 0.5, y: y + 0.5 }, upright);
        const at = filePoint(centre, picture, { stored, orientation });
        const from = (Math.floor(at.y) * stored.width + Math.floor(at.x)) * 3;
        const to = (y * upright.width + x) * 3;
        expect(stored.data.slice(from, from + 3)).toEqual(upright.data.slice(to, to + 3));
      }
    }
  },
);

test("pixels to 0…1000 and back is the identity", () => {
  // a scale by the stored instead of the upright size would only show on turned pictures
  fc.assert(
    fc.property(
      anySize,
      anyOrientation,
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (stored, orientation, u, v) => {
        const size = orientedSize(stored, orientation);
        const point = { x: u * size.width, y: v * size.height };
        const back = uprightPoint(normalisedPoint(point, size), picture, { stored, orientation });
        expect(back.x).toBeCloseTo(point.x, 6);
        expect(back.y).toBeCloseTo(point.y, 6);
      },
    ),
  );
});

test("a pixel of a slice maps to the place it was resized from", () => {
  // mixing up columns and rows, or the slice's and the picture's scale, moves the box to another slice
  fc.assert(
    fc.property(
      anySize,
      fc.constantFrom(14, 56),
      fc.nat(),
      fc.nat(),
      fc.nat(),
      fc.nat(),
      (stored, granule, a, b, c, d) => {
        const plan = slicePlan(stored, { granule, maxSlices: 9 });
        fc.pre(plan.sliced !== undefined);
        const { grid, slice, refined } = plan.sliced ?? {
          grid: { columns: 1, rows: 1 },
          slice: stored,
          refined: stored,
        };
        const [column, row] = [a % grid.columns, b % grid.rows];
        const [x, y] = [c % slice.width, d % slice.height];
        const expected = {
          x: ((column * slice.width + x) / refined.width) * stored.width,
          y: ((row * slice.height + y) / refined.height) * stored.height,
        };
        const frame = { kind: "slice", plan, column, row } as const;
        const mapped = filePoint(normalisedPoint({ x, y }, slice), frame, { stored, orientation: 1 });
        expect(mapped.x).toBeCloseTo(expected.x, 6);
        expect(mapped.y).toBeCloseTo(expected.y, 6);
      },
    ),
  );
});

test("a box stays a box of the same share of the picture under every orientation", () => {
  // after a mirror the corners come in reverse order: width or height would be negative
  fc.assert(
    fc.property(
      anySize,
      anyOrientation,
      fc.tuple(anyShare, anyShare, anyShare, anyShare),
      (stored, orientation, [a, b, c, d]) => {
        const box = fileBox({ x0: a, y0: b, x1: c, y1: d }, picture, { stored, orientation });
        const share = (Math.abs(a - c) * Math.abs(b - d)) / 1e6;
        expect(box.x1).toBeGreaterThanOrEqual(box.x0);
        expect(box.y1).toBeGreaterThanOrEqual(box.y0);
        expect(((box.x1 - box.x0) * (box.y1 - box.y0)) / (stored.width * stored.height)).toBeCloseTo(share, 9);
      },
    ),
  );
});

test("values outside 0…1000 are clamped to the picture", () => {
  // models write 1001 now and then; a crop at those pixels would throw
  const file = { stored: { width: 10, height: 20 }, orientation: 1 } as const;
  expect(filePoint({ x: -5, y: 1300 }, picture, file)).toEqual({ x: 0, y: 20 });
});

test("a slice outside the grid is refused", () => {
  // it would map to a place outside the picture
  const plan = slicePlan({ width: 900, height: 900 }, { granule: 14, maxSlices: 9 });
  const file = { stored: { width: 900, height: 900 }, orientation: 1 } as const;
  expect(() => filePoint({ x: 1, y: 1 }, { kind: "slice", plan, column: 9, row: 0 }, file)).toThrow(/column 9/);
});
