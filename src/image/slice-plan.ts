import { ArgumentError } from "../base/errors.ts";
import { exactLog } from "./exact-log.ts";
import { pythonRound } from "./python-round.ts";
import { checkSize, type Size } from "./rgb-image.ts";

/** How a model version cuts a picture into views. */
export interface SliceOptions {
  /**
   * View sides are multiples of this: 14 up to V-4.5; in V-4.6 56 (patch 14 × two 2×2 merges) in 16x mode and 28 in
   * 4x mode (transformers 5.23; an earlier revision used 56 in both).
   */
  readonly granule: number;
  /** Most slices beside the overview; 9 by default, 36 recommended by V-4.6 for pictures. */
  readonly maxSlices: number;
  /** Side of the square whose area one view aims at; 448 in every release. */
  readonly scaleResolution?: number;
  /** Overview only, whatever the size. */
  readonly neverSplit?: boolean;
}

/** Columns × rows of slices. */
export interface SliceGrid {
  readonly columns: number;
  readonly rows: number;
}

/** The part of a plan that exists where a picture is cut. */
export interface SlicedPart {
  readonly grid: SliceGrid;
  /** Size the whole picture is brought to before it is cut. */
  readonly refined: Size;
  /** Size of each slice. */
  readonly slice: Size;
}

/** Sizes of all views of one picture. Both resizes start from the original pixels. */
export interface SlicePlan {
  readonly image: Size;
  readonly overview: Size;
  readonly sliced: SlicedPart | undefined;
}

const SCALE_RESOLUTION = 448; // preprocessor_config.json of every release

/** LLaVA-UHD style partition, equal to the released image processors. arXiv 2408.01800 §3.1; throws ArgumentError. */
export function slicePlan(image: Size, options: SliceOptions): SlicePlan {
  checkSize(image);
  checkOptions(options);
  const rule = { granule: options.granule, resolution: options.scaleResolution ?? SCALE_RESOLUTION };
  const grid = options.neverSplit ? undefined : sliceGrid(image, options.maxSlices, rule.resolution);
  if (grid === undefined) return { image, overview: bestResize(image, rule, "enlarge"), sliced: undefined };
  const slice = bestResize(
    {
      width: ensureDivide(image.width, grid.columns) / grid.columns,
      height: ensureDivide(image.height, grid.rows) / grid.rows,
    },
    rule,
    "enlarge",
  );
  return {
    image,
    overview: bestResize(image, rule, "shrink only"),
    sliced: { grid, slice, refined: { width: slice.width * grid.columns, height: slice.height * grid.rows } },
  };
}

/** V-1.0: one square view, aspect ratio not kept. */
export function fixedPlan(image: Size, side: number = SCALE_RESOLUTION): SlicePlan {
  checkSize(image);
  return { image, overview: { width: side, height: side }, sliced: undefined };
}

/** Number of views: the overview and each slice. */
export function viewCount(plan: SlicePlan): number {
  return 1 + (plan.sliced === undefined ? 0 : plan.sliced.grid.columns * plan.sliced.grid.rows);
}

/** Sizes of all views in the order of pixels, placeholders and embeddings: overview, then slices row by row. */
export function viewSizes(plan: SlicePlan): readonly Size[] {
  const { sliced } = plan;
  if (sliced === undefined) return [plan.overview];
  return [plan.overview, ...new Array<Size>(viewCount(plan) - 1).fill(sliced.slice)];
}

/**
 * Grid whose slices are nearest to square, or undefined where one view is enough.
 * Candidates are the divisor pairs of N−1, N, N+1 in that order; the first of equals wins. Where two grids are equally
 * far in exact arithmetic, the last bit of C's logarithm decides in the released code, so it is reproduced.
 */
export function sliceGrid(image: Size, maxSlices: number, resolution: number): SliceGrid | undefined {
  const ideal = Math.min(Math.ceil((image.width * image.height) / (resolution * resolution)), maxSlices);
  if (ideal <= 1) return undefined;
  const ratio = image.width / image.height;
  const grids = candidateGrids(ideal, maxSlices);
  const nearest = closest(grids, ratio, Math.log, TIE_WIDTH);
  return nearest.length === 1 ? nearest[0] : closest(nearest, ratio, exactLog, 0)[0];
}

const TIE_WIDTH = 1e-12; // far above the rounding of a logarithm, far below the distance of unequal grids

function candidateGrids(ideal: number, maxSlices: number): SliceGrid[] {
  const grids: SliceGrid[] = [];
  for (const count of [ideal - 1, ideal, ideal + 1]) {
    if (count === 1 || count > maxSlices) continue;
    for (let columns = 1; columns <= count; columns++) {
      if (count % columns === 0) grids.push({ columns, rows: count / columns });
    }
  }
  return grids;
}

/** Grids whose ratio is within `width` of the nearest to `ratio`, on a logarithmic scale, in their order. */
function closest(grids: readonly SliceGrid[], ratio: number, log: (x: number) => number, width: number): SliceGrid[] {
  const logRatio = log(ratio);
  const errors = grids.map(({ columns, rows }) => Math.abs(logRatio - log(columns / rows)));
  const least = Math.min(...errors);
  return grids.filter((_, index) => errors[index] <= least + width);
}

interface ResizeRule {
  readonly granule: number;
  readonly resolution: number;
}

function bestResize({ width, height }: Size, rule: ResizeRule, mode: "enlarge" | "shrink only"): Size {
  const { granule, resolution } = rule;
  let [targetWidth, targetHeight] = [width, height];
  if (mode === "enlarge" || width * height > resolution * resolution) {
    const ratio = width / height;
    targetHeight = Math.trunc(resolution / Math.sqrt(ratio));
    targetWidth = Math.trunc(targetHeight * ratio); // from the truncated height, as the released code does
  }
  return { width: ensureDivide(targetWidth, granule), height: ensureDivide(targetHeight, granule) };
}

function ensureDivide(length: number, divisor: number): number {
  return Math.max(pythonRound(length / divisor) * divisor, divisor);
}

function checkOptions({ granule, maxSlices, scaleResolution }: SliceOptions): void {
  for (const [name, value] of Object.entries({ granule, maxSlices, scaleResolution: scaleResolution ?? 1 })) {
    if (Number.isSafeInteger(value) && value >= 1) continue;
    throw new ArgumentError(`${name} is ${value}.`, `Pass a whole number of at least 1 as ${name}.`);
  }
}
