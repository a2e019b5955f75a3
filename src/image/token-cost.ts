import { ArgumentError } from "../base/errors.ts";
import { patchGrid } from "./patchify.ts";
import type { Size } from "./rgb-image.ts";
import { type SlicePlan, viewSizes } from "./slice-plan.ts";

/** How a version turns a view into tokens: a fixed number of queries, or V-4.6's merging of patches. */
export type TokenRule =
  | { readonly kind: "queries"; readonly perView: number }
  | { readonly kind: "merge"; readonly mode: "4x" | "16x" };

/** Image tokens of each view, without the marker tokens around them. */
export function viewTokens(view: Size, rule: TokenRule): number {
  if (rule.kind === "queries") return rule.perView;
  const { rows, columns } = patchGrid(view);
  const side = rule.mode === "16x" ? 4 : 2;
  if (rows % side !== 0 || columns % side !== 0) {
    throw new ArgumentError(
      `A view of ${rows}×${columns} patches cannot be merged ${rule.mode}.`,
      "Plan the picture for V-4.6 with granule 56 in 16x mode and 28 in 4x mode.",
    );
  }
  return (rows / side) * (columns / side);
}

/** Image tokens of a whole picture, without marker tokens. */
export function pictureTokens(plan: SlicePlan, rule: TokenRule): number {
  return viewSizes(plan).reduce((sum, view) => sum + viewTokens(view, rule), 0);
}

/** What LLaVA-NeXT's scheme makes of the same picture. */
export interface LlavaNextCost {
  /** Canvas that the scheme picks, in tiles of 336×336. */
  readonly grid: { readonly columns: number; readonly rows: number };
  /** 576 per tile and 576 for the base view, before padding is removed: the figure that the paper compares with. */
  readonly tokens: number;
}

const LLAVA_TILE = 336; // CLIP ViT-L/14 at 336: 24×24 patches, no compression
const LLAVA_TOKENS_PER_TILE = 576;
// image_grid_pinpoints of the published LLaVA-NeXT configurations, in tiles
const LLAVA_CANVASES = [
  { columns: 1, rows: 2 },
  { columns: 2, rows: 1 },
  { columns: 2, rows: 2 },
  { columns: 3, rows: 1 },
  { columns: 1, rows: 3 },
];

/** Token cost under LLaVA-NeXT's AnyRes: the canvas with most usable pixels, then least waste. arXiv 2408.01800 §3.2. */
export function llavaNextCost(image: Size): LlavaNextCost {
  let best = LLAVA_CANVASES[0];
  let bestUsable = -1;
  let leastWaste = Number.POSITIVE_INFINITY;
  for (const grid of LLAVA_CANVASES) {
    const [width, height] = [grid.columns * LLAVA_TILE, grid.rows * LLAVA_TILE];
    const scale = Math.min(width / image.width, height / image.height);
    const fitted = Math.trunc(image.width * scale) * Math.trunc(image.height * scale);
    const usable = Math.min(fitted, image.width * image.height);
    const waste = width * height - usable;
    if (usable > bestUsable || (usable === bestUsable && waste < leastWaste)) {
      best = grid;
      bestUsable = usable;
      leastWaste = waste;
    }
  }
  return { grid: best, tokens: (best.columns * best.rows + 1) * LLAVA_TOKENS_PER_TILE };
}
