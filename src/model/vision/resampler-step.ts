import { ArgumentError } from "../../base/errors.ts";
import { navitPositions } from "../../image/patch-positions.ts";
import type { Patches, PatchGrid } from "../../image/patchify.ts";
import type { InputData } from "../../tensor/backend.ts";
import type { ResamplerConfig, VisionConfig } from "../config.ts";
import { joinInts, joinPatches, patchCount, repeatSpans, spansOf, sum } from "./packing.ts";
import { gridPositions, roundedBuckets } from "./position-buckets.ts";
import { KEY_TABLE_SIDE, sineRow } from "./resampler.ts";
import { RESAMPLER_RESIZE, resizeShares, TIMM_RESIZE } from "./resize-shares.ts";
import type { VisionStep, VisionStepOptions } from "./vision-step.ts";

interface Encoder {
  readonly vision: VisionConfig;
  readonly resampler: ResamplerConfig;
}

/**
 * Extents and inputs of a step of views in front of the resampler. Throws ArgumentError for groups that the version
 * does not have or that are not as long as the views, and for views of extreme length.
 */
export function resamplerStep(
  encoder: Encoder,
  views: readonly Patches[],
  { paddedLength, groups }: VisionStepOptions,
): VisionStep {
  const { vision, resampler } = encoder;
  const grids = views.map(({ grid }) => grid);
  for (const grid of grids) checkGrid(grid);
  const counts = grids.map((grid) => patchCount(grid));
  const rowCounts = counts.map((count) => paddedLength ?? count);
  const groupSizes = checkGroups(encoder, grids.length, groups);
  const queries = resampler.queryCount * groupSizes.length;
  return {
    extents: {
      patches: sum(rowCounts),
      queries,
      ...(resampler.hasTime ? { views: grids.length } : {}),
    },
    inputs: {
      patches: joinPatches(views, rowCounts),
      spans: repeatSpans(spansOf(rowCounts), rowCounts),
      ...positionInputs(vision, grids, rowCounts),
      ...keyInputs(resampler, grids, rowCounts),
      ...(resampler.hasTime ? timeInputs(resampler, groups, rowCounts) : {}),
      queryIds: Int32Array.from({ length: queries }, (_, i) => i % resampler.queryCount),
      querySpans: querySpans(resampler, { counts, rowCounts, groupSizes }),
    },
    tokenCounts: groupSizes.map(() => resampler.queryCount),
  };
}

/** Keys are placed by a table of KEY_TABLE_SIDE coordinates. */
function checkGrid({ rows, columns }: PatchGrid): void {
  if (rows <= KEY_TABLE_SIDE && columns <= KEY_TABLE_SIDE) return;
  throw new ArgumentError(
    `A view of ${rows}×${columns} patches is longer than ${KEY_TABLE_SIDE} patches.`,
    "Crop the picture: it is extremely long and narrow.",
  );
}

/** Views of each group: one each, unless the request says otherwise. */
function checkGroups(
  { resampler }: Encoder,
  viewCount: number,
  groups: VisionStepOptions["groups"],
): readonly number[] {
  if (groups === undefined) return Array.from({ length: viewCount }, () => 1);
  const sizes = groups.map((times) => times.length);
  if (resampler.hasTime && sum(sizes) === viewCount && !sizes.includes(0)) return sizes;
  throw new ArgumentError(
    `Groups of ${sizes.join(", ")} frames do not fit ${viewCount} views of this model.`,
    resampler.hasTime ? "Give each view one time." : "Only MiniCPM-V 4.5 packs frames; pass them as pictures.",
  );
}

/** Where patches stand in the tower's position table. */
function positionInputs(
  { positions, tableSide }: VisionConfig,
  grids: readonly PatchGrid[],
  rowCounts: readonly number[],
): Record<string, InputData> {
  switch (positions) {
    case "resized":
      return { positionShares: joinFloats(grids.map((grid) => resizeShares(tableSide, grid, TIMM_RESIZE))) };
    case "exact":
      return { positions: joinInts(grids.map((grid) => navitPositions(grid, tableSide))) };
    case "navit":
      return {
        positions: joinInts(
          grids.map(({ rows, columns }) =>
            gridPositions(roundedBuckets(rows, tableSide), roundedBuckets(columns, tableSide), tableSide),
          ),
        ),
      };
    case "ownStrip":
    case "longestStrip":
      // the released code sees one row of patches, padding included: row bucket 0
      return { positions: joinInts(rowCounts.map((count) => roundedBuckets(count, tableSide))) };
  }
}

/** Where patches stand for the resampler's keys; padding rows are never seen, so that their place does not matter. */
function keyInputs(
  resampler: ResamplerConfig,
  grids: readonly PatchGrid[],
  rowCounts: readonly number[],
): Record<string, InputData> {
  if (resampler.keyPositions === "resized") {
    const side = Math.sqrt(resampler.queryCount);
    return { keyShares: joinFloats(grids.map((grid) => resizeShares(side, grid, RESAMPLER_RESIZE))) };
  }
  const coordinate = (pick: (index: number, columns: number) => number): Int32Array =>
    joinInts(
      grids.map((grid, view) => {
        const places = new Int32Array(rowCounts[view]);
        for (let i = 0; i < patchCount(grid); i++) places[i] = pick(i, grid.columns);
        return places;
      }),
    );
  return {
    keyRows: coordinate((i, columns) => Math.floor(i / columns)),
    keyColumns: coordinate((i, columns) => i % columns),
  };
}

function timeInputs(
  { width }: ResamplerConfig,
  groups: VisionStepOptions["groups"],
  rowCounts: readonly number[],
): Record<string, InputData> {
  const times = new Float32Array(rowCounts.length * width);
  for (const [view, time] of (groups ?? []).flat().entries()) times.set(sineRow(time, width), view * width);
  return { times, viewOf: joinInts(rowCounts.map((count, view) => new Int32Array(count).fill(view))) };
}

interface QueryLayout {
  readonly counts: readonly number[];
  readonly rowCounts: readonly number[];
  readonly groupSizes: readonly number[];
}

/** Each group's queries see its views' own patches. Only single views are padded, so that a group is one run of rows. */
function querySpans({ queryCount }: ResamplerConfig, { counts, rowCounts, groupSizes }: QueryLayout): Int32Array {
  const spans: (readonly [number, number])[] = [];
  let view = 0;
  let begin = 0;
  for (const size of groupSizes) {
    const last = view + size - 1;
    const rows = sum(rowCounts.slice(view, last));
    spans.push([begin, begin + rows + counts[last]]);
    begin += rows + rowCounts[last];
    view += size;
  }
  return repeatSpans(
    spans,
    groupSizes.map(() => queryCount),
  );
}

function joinFloats(parts: readonly Float32Array[]): Float32Array {
  if (parts.length === 1) return parts[0];
  const joined = new Float32Array(sum(parts.map((part) => part.length)));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}
