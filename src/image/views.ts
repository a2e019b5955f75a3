import { resizePillowBicubic } from "./resize/pillow-bicubic.ts";
import { cropImage, type RgbImage, type Size } from "./rgb-image.ts";
import type { SlicePlan } from "./slice-plan.ts";

/** A resize of whole pictures, such as resizePillowBicubic. */
export type Resize = (image: RgbImage, size: Size) => RgbImage;

/** Pixels of every view: overview, then slices row by row. The refined picture is cut, never resized again. */
export function sliceViews(image: RgbImage, plan: SlicePlan, resize: Resize = resizePillowBicubic): RgbImage[] {
  const views = [resize(image, plan.overview)];
  if (plan.sliced === undefined) return views;
  const { grid, refined, slice } = plan.sliced;
  const whole = resize(image, refined);
  for (let row = 0; row < grid.rows; row++) {
    for (let column = 0; column < grid.columns; column++) {
      const [x0, y0] = [column * slice.width, row * slice.height];
      views.push(cropImage(whole, { x0, y0, x1: x0 + slice.width, y1: y0 + slice.height }));
    }
  }
  return views;
}
