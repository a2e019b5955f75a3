import type { TokenId } from "../base/brand.ts";
import { ArgumentError } from "../base/errors.ts";
import type { TextPart, Tokenizer } from "../tokenizer/tokenizer.ts";
import type { Segment } from "./templates/messages.ts";

/**
 * How slices are written (LLaVA-UHD's spatial schema).
 * `single`: one view (1.0). `nested`: all slices inside one `<slice>`, each an `<image>` (2.0, 2.5).
 * `flat`: each slice in its own `<slice>` (2.6 to 4.5). `padded`: as `flat`, with `<|image_pad|>` for a visual token (4.6).
 */
export type SpatialSchema = "single" | "nested" | "flat" | "padded";

/** What the text has to know of a sliced picture. */
export interface PicturePlan {
  /** Visual tokens of each view: the overview, then the slices row by row. */
  readonly viewTokenCounts: readonly number[];
  /** Slices across and down; absent without slices. */
  readonly grid?: { readonly columns: number; readonly rows: number } | undefined;
}

export interface PlaceholderOptions {
  /** Writes `<image_id>` before each picture. Default true for `flat` and `padded`; frames of a video have none. */
  readonly usesImageIds?: boolean;
}

/** The text that stands for one picture (spec of the release, §4.1). `imageIndex` counts the pictures of the conversation. */
export function imagePlaceholder(
  schema: SpatialSchema,
  plan: PicturePlan,
  imageIndex: number,
  options: PlaceholderOptions = {},
): string {
  checkPlan(schema, plan);
  const filler = schema === "padded" ? "<|image_pad|>" : "<unk>";
  const views = plan.viewTokenCounts.map((count) => filler.repeat(count));
  const overview = `<image>${views[0]}</image>`;
  if (schema === "single") return overview;
  const hasIds = schema !== "nested" && (options.usesImageIds ?? true);
  const id = hasIds ? `<image_id>${imageIndex}</image_id>` : "";
  if (plan.grid === undefined) return id + overview;
  const tag = schema === "nested" ? "image" : "slice";
  const slices = views.slice(1).map((view) => `<${tag}>${view}</${tag}>`);
  const rows = Array.from({ length: plan.grid.rows }, (_, row) => {
    const start = row * (plan.grid?.columns ?? 0);
    return slices.slice(start, start + (plan.grid?.columns ?? 0)).join("");
  }).join("\n");
  return id + overview + (schema === "nested" ? `<slice>${rows}</slice>` : rows);
}

function checkPlan(schema: SpatialSchema, { viewTokenCounts, grid }: PicturePlan): void {
  const expected = grid === undefined ? 1 : 1 + grid.columns * grid.rows;
  if (viewTokenCounts.length !== expected || (schema === "single" && grid !== undefined)) {
    const found = `${viewTokenCounts.length} views for ${grid === undefined ? "no grid" : `${grid.columns}×${grid.rows} slices`}`;
    throw new ArgumentError(`The picture plan has ${found}.`, "Pass the overview and one count per slice.");
  }
}

/** Puts the pictures into a prompt's segments: the parts that `tokenizer.encodeParts` takes. */
export function promptParts(
  segments: readonly Segment[],
  schema: SpatialSchema,
  plans: readonly PicturePlan[],
  options: PlaceholderOptions = {},
): TextPart[] {
  const imageCount = segments.filter((segment) => segment.kind === "image").length;
  if (imageCount !== plans.length) {
    const message = `The prompt has ${imageCount} pictures and ${plans.length} slice plans were given.`;
    throw new ArgumentError(message, "Pass one plan per picture, in reading order.");
  }
  return segments.map((segment) => {
    if (segment.kind !== "image") return { text: segment.text, parseSpecial: segment.kind === "template" };
    return { text: imagePlaceholder(schema, plans[segment.index], segment.index, options), parseSpecial: true };
  });
}

/** Where a view's visual tokens lie in a prompt: ids[start … start + length). */
export interface ViewRange {
  readonly start: number;
  readonly length: number;
}

/** Finds the visual tokens of every view, in the order the views are encoded. Throws MissingTokenError. */
export function viewRanges(ids: readonly TokenId[], tokenizer: Tokenizer, schema: SpatialSchema): ViewRange[] {
  const filler = tokenizer.idOf(schema === "padded" ? "<|image_pad|>" : "<unk>");
  const hasSlices = schema === "flat" || schema === "padded";
  const starts = new Set([tokenizer.idOf("<image>"), ...(hasSlices ? [tokenizer.idOf("<slice>")] : [])]);
  const ranges: ViewRange[] = [];
  for (let at = 0; at + 1 < ids.length; at++) {
    if (!starts.has(ids[at]) || ids[at + 1] !== filler) continue;
    let end = at + 1;
    while (ids[end] === filler) end++;
    ranges.push({ start: at + 1, length: end - at - 1 });
    at = end - 1;
  }
  return ranges;
}
