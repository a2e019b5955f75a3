import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import golden from "../../../test/golden/image/resize.json" with { type: "json" };
import { testPicture } from "../../../test/golden/image/test-picture.ts";
import { resizePillow13Bicubic, resizePillowBicubic } from "./pillow-bicubic.ts";
import { resizeTorchBicubic } from "./torch-bicubic.ts";

const RESIZES = { pillow: resizePillowBicubic, pillow13: resizePillow13Bicubic, torch: resizeTorchBicubic };

test.each(["pillow", "pillow13", "torch"] as const)("%s: bytes equal the reference at every golden size", (column) => {
  // one weight rounded the other way, or passes in the other order, changes a hash
  const differing = golden.cases.filter((row) => {
    const [width, height] = row.from;
    const resized = RESIZES[column](testPicture(width, height, row.seed), { width: row.to[0], height: row.to[1] });
    return createHash("sha256").update(resized.data).digest("hex").slice(0, 16) !== row[column];
  });
  expect(differing.map((row) => row.seed)).toEqual([]);
  expect(golden.cases.length).toBeGreaterThan(300);
});

test("a 7×5 picture resizes to the published Pillow values", () => {
  // hand-readable case: shows at a glance whether weights or clamping broke
  const data = Uint8Array.from({ length: 105 }, (_, i) => {
    const pixel = Math.floor(i / 3);
    return 37 * (pixel % 7) + 91 * Math.floor(pixel / 7) + 53 * (i % 3);
  });
  const small = resizePillowBicubic({ width: 7, height: 5, data }, { width: 4, height: 3 });
  expect([...small.data.filter((_, i) => i % 3 === 0)]).toEqual([
    55, 120, 166, 132, 145, 83, 117, 133, 83, 151, 106, 127,
  ]);
});

test("an empty target is refused", () => {
  // a zero side would divide by zero in the weights
  expect(() => resizePillowBicubic(testPicture(2, 2, 0), { width: 0, height: 2 })).toThrow(/0×2/);
});
