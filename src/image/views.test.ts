import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { testPicture } from "../../test/golden/image/test-picture.ts";
import golden from "../../test/golden/image/views.json" with { type: "json" };
import { patchify } from "./patchify.ts";
import { type PictureRule, preparePicture } from "./prepare-picture.ts";

const QUERIES = { kind: "queries", perView: 64 } as const;

function rule(granule: number, arithmetic: PictureRule["arithmetic"], tokens: PictureRule["tokens"]): PictureRule {
  return { partition: { kind: "sliced", granule, maxSlices: 9 }, arithmetic, tokens };
}

const PROCESSORS = [
  { column: "released", rule: rule(14, "pillow", QUERIES) },
  { column: "torchvision16x", rule: rule(56, "torchvision", { kind: "merge", mode: "16x" }) },
  { column: "torchvision4x", rule: rule(28, "torchvision", { kind: "merge", mode: "4x" }) },
  { column: "pil16x", rule: rule(56, "pillow", { kind: "merge", mode: "16x" }) },
  { column: "pil4x", rule: rule(28, "pillow", { kind: "merge", mode: "4x" }) },
] as const;

test.each(PROCESSORS)("$column: grids and patch values equal the processor's", ({ column, rule: own }) => {
  // pixels, view order, patch layout and float rounding are all in the hash
  const differing = golden.pictures.filter((picture) => {
    const { views, tokens } = preparePicture(testPicture(picture.from[0], picture.from[1], picture.seed), own);
    const hash = createHash("sha256");
    for (const { values } of views) hash.update(new Uint8Array(values.buffer));
    expect(views.map(({ grid }) => [grid.rows, grid.columns])).toEqual(picture[column].grids);
    expect(tokens.length).toBe(views.length);
    return hash.digest("hex").slice(0, 16) !== picture[column].values;
  });
  expect(differing.map((picture) => picture.from)).toEqual([]);
  expect(golden.pictures.length).toBeGreaterThan(5);
});

test("the fixed rule gives one square view whatever the shape", () => {
  // V-1.0 has no slices and does not keep the aspect ratio
  const fixed = { partition: { kind: "fixed", side: 448 }, arithmetic: "pillow", tokens: QUERIES } as const;
  const { views, tokens } = preparePicture(testPicture(30, 900, 1), fixed);
  expect(views.map(({ grid }) => grid)).toEqual([{ rows: 32, columns: 32 }]);
  expect(tokens).toEqual([64]);
});

test("a view whose sides are no multiple of 14 is refused", () => {
  // the last patches would silently be cut off
  expect(() => patchify(testPicture(28, 15, 0))).toThrow(/28×15/);
});
