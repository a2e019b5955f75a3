import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import golden from "../../test/golden/image/views.json" with { type: "json" };
import { type Normalisation, patchify } from "./patchify.ts";
import { resizePillowBicubic } from "./resize/pillow-bicubic.ts";
import { resizeTorchBicubic } from "./resize/torch-bicubic.ts";
import { slicePlan } from "./slice-plan.ts";
import { testPicture } from "./testing/noise.ts";
import { type Resize, sliceViews } from "./views.ts";

interface Processor {
  readonly column: "released" | "torchvision16x" | "torchvision4x" | "pil16x" | "pil4x";
  readonly granule: number;
  readonly resize: Resize;
  readonly normalisation: Normalisation;
}

const PROCESSORS: readonly Processor[] = [
  { column: "released", granule: 14, resize: resizePillowBicubic, normalisation: "stepwise" },
  { column: "torchvision16x", granule: 56, resize: resizeTorchBicubic, normalisation: "fused" },
  { column: "torchvision4x", granule: 28, resize: resizeTorchBicubic, normalisation: "fused" },
  { column: "pil16x", granule: 56, resize: resizePillowBicubic, normalisation: "stepwise" },
  { column: "pil4x", granule: 28, resize: resizePillowBicubic, normalisation: "stepwise" },
];

test.each(PROCESSORS)(
  "$column: grids and patch values equal the processor's",
  ({ column, granule, resize, normalisation }) => {
    // pixels, view order, patch layout and float rounding are all in the hash
    const differing = golden.pictures.filter((picture) => {
      const image = testPicture(picture.from[0], picture.from[1], picture.seed);
      const views = sliceViews(image, slicePlan(image, { granule, maxSlices: 9 }), resize);
      const patches = views.map((view) => patchify(view, normalisation));
      const hash = createHash("sha256");
      for (const { values } of patches) hash.update(new Uint8Array(values.buffer));
      expect(patches.map(({ grid }) => [grid.rows, grid.columns])).toEqual(picture[column].grids);
      return hash.digest("hex").slice(0, 16) !== picture[column].values;
    });
    expect(differing.map((picture) => picture.from)).toEqual([]);
    expect(golden.pictures.length).toBeGreaterThan(5);
  },
);

test("a view whose sides are no multiple of 14 is refused", () => {
  // the last patches would silently be cut off
  expect(() => patchify(testPicture(28, 15, 0))).toThrow(/28×15/);
});
