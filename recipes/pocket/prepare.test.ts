import { expect, test } from "vitest";
import { seededRandom } from "../../src/base/random.ts";
import { patchify } from "../../src/image/patchify.ts";
import { slicePlan } from "../../src/image/slice-plan.ts";
import { sliceViews } from "../../src/image/views.ts";
import { grayViews } from "./gray-views.ts";
import { rgbOf } from "./prepare.ts";

// would catch training on other pixels than a user's picture gives
test.each([
  [300, 40],
  [520, 777],
  [97, 131],
])("a gray picture of %d×%d gives the patches of its three equal channels", (width, height) => {
  const random = seededRandom(width);
  const data = Uint8Array.from({ length: width * height }, () => Math.floor(random.next() * 256));
  const plan = slicePlan({ width, height }, { granule: 8, maxSlices: 9, scaleResolution: 168 });
  const wide = sliceViews(rgbOf({ width, height, channels: 1, data }), plan).map((view) =>
    patchify(view, "stepwise", 8),
  );
  expect(grayViews({ width, height, data }, plan, { patchSize: 8, isWanted: () => true })).toEqual(wide);
});
