import { type Normalisation, type Patches, patchify } from "./patchify.ts";
import { resizePillowBicubic } from "./resize/pillow-bicubic.ts";
import { resizeTorchBicubic } from "./resize/torch-bicubic.ts";
import type { RgbImage } from "./rgb-image.ts";
import { fixedPlan, type SliceOptions, type SlicePlan, slicePlan } from "./slice-plan.ts";
import { type TokenRule, viewTokens } from "./token-cost.ts";
import { sliceViews } from "./views.ts";

/** Everything a model version decides about its pictures. */
export interface PictureRule {
  /** How the picture is cut; "fixed" is V-1.0's single square view. */
  readonly partition: ({ readonly kind: "sliced" } & SliceOptions) | { readonly kind: "fixed"; readonly side: number };
  /**
   * Whose arithmetic: "pillow" up to V-4.5 and in transformers' PIL processor of V-4.6, "torchvision" in the default
   * processor of V-4.6. It settles both the resize and the normalisation.
   */
  readonly arithmetic: "pillow" | "torchvision";
  readonly tokens: TokenRule;
  /** Side of a patch in pixels: 14 in every release, and where it is absent. */
  readonly patchSize?: number;
}

/** A picture ready for the vision encoder. */
export interface PreparedPicture {
  readonly plan: SlicePlan;
  /** Overview first, then slices row by row. */
  readonly views: readonly Patches[];
  /** Image tokens of each view. */
  readonly tokens: readonly number[];
}

const ARITHMETIC = {
  pillow: { resize: resizePillowBicubic, normalisation: "stepwise" },
  torchvision: { resize: resizeTorchBicubic, normalisation: "fused" },
} as const satisfies Record<PictureRule["arithmetic"], { resize: unknown; normalisation: Normalisation }>;

/** Plan by a version's rule, without touching pixels. */
export function planPicture(image: { readonly width: number; readonly height: number }, rule: PictureRule): SlicePlan {
  const { partition } = rule;
  const size = { width: image.width, height: image.height };
  return partition.kind === "fixed" ? fixedPlan(size, partition.side) : slicePlan(size, partition);
}

/** Cuts, resizes, normalises and patchifies a picture as the released processor of a version does. */
export function preparePicture(image: RgbImage, rule: PictureRule): PreparedPicture {
  const { resize, normalisation } = ARITHMETIC[rule.arithmetic];
  const plan = planPicture(image, rule);
  const pixels = sliceViews(image, plan, resize);
  return {
    plan,
    views: pixels.map((view) => patchify(view, normalisation, rule.patchSize)),
    tokens: pixels.map((view) => viewTokens(view, rule.tokens)),
  };
}
