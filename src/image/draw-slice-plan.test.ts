import { expect, test } from "vitest";
import { testPicture } from "../../test/golden/image/test-picture.ts";
import { decodeImage } from "./decode-image.ts";
import { drawSlicePlan } from "./draw-slice-plan.ts";
import { encodePng } from "./png/encode-png.ts";
import { slicePlan } from "./slice-plan.ts";

test.each([
  [900, 600],
  [28, 1400],
  [3000, 20],
  [1, 1],
])("a drawing of a %i×%i picture fits the page and survives PNG", async (width, height) => {
  // a label or slice pasted past the canvas throws or wraps to the next row
  const image = testPicture(width, height, 4);
  const drawing = drawSlicePlan(image, slicePlan(image, { granule: 14, maxSlices: 9 }), {
    kind: "queries",
    perView: 64,
  });
  expect(drawing.data.length).toBe(drawing.width * drawing.height * 3);
  expect(Math.max(drawing.width, drawing.height)).toBeLessThan(5200);
  const decoded = await decodeImage(await encodePng(drawing));
  expect(Buffer.from(decoded.image.data).equals(drawing.data)).toBe(true);
});

test("each slice is labelled with its number, and labels have ink", () => {
  // a blank font would leave black boxes only
  const image = testPicture(900, 600, 4);
  const black = { ...image, data: new Uint8Array(image.data.length) };
  const drawing = drawSlicePlan(black, slicePlan(image, { granule: 14, maxSlices: 9 }), {
    kind: "queries",
    perView: 64,
  });
  expect(drawing.data.filter((level) => level === 255).length).toBeGreaterThan(3000);
});
