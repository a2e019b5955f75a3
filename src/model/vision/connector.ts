import { navitPositions } from "../../image/patch-positions.ts";
import type { Patches, PatchGrid } from "../../image/patchify.ts";
import { mergedGrid, windowOrder } from "../../image/window-order.ts";
import type { Graph } from "../../tensor/graph.ts";
import { record } from "../../tensor/recorder.ts";
import type { MergerConfig, ResamplerConfig, VisionConfig } from "../config.ts";
import { joinInts, joinPatches, patchCount, repeatSpans, spansOf, sum } from "./packing.ts";
import { resample } from "./resampler.ts";
import { resamplerStep } from "./resampler-step.ts";
import type { VisionStep, VisionStepOptions } from "./vision-step.ts";
import { packedPatches, visionTower } from "./vision-tower.ts";
import { mergedTower, WINDOW } from "./window-merger.ts";

/** How many views and patches one encoder step can take. */
export interface VisionCapacity {
  readonly views: number;
  readonly patches: number;
}

/** From packed views to rows for the language model: tower and connector of one version. */
export interface VisionEncoder {
  readonly config: VisionConfig;
  /** Patches of a view must divide by this (V-4.6 merges 2×2 twice). */
  readonly patchMultiple: number;
  tokensPerView(grid: PatchGrid): number;
  /** Rows that every view of a request is padded to; undefined where views stay as they are. */
  paddedLength(grids: readonly PatchGrid[]): number | undefined;
  /** Records inputs → `visual` [tokens, D]. */
  graph(capacity: VisionCapacity): Graph;
  step(views: readonly Patches[], options?: VisionStepOptions): VisionStep;
}

/** Tower and perceiver resampler (V-1.0 to V-4.5). */
export function resamplerEncoder(config: VisionConfig, resampler: ResamplerConfig): VisionEncoder {
  return {
    config,
    patchMultiple: 1,
    tokensPerView: () => resampler.queryCount,
    paddedLength: (grids) =>
      config.positions === "longestStrip" ? Math.max(0, ...grids.map((grid) => patchCount(grid))) : undefined,
    graph: (capacity) =>
      record((ops) => {
        const step = packedPatches(ops, config, capacity.patches);
        const features = visionTower(ops, config, step);
        const view = { features, rows: step.rows, viewCapacity: capacity.views };
        ops.output("visual", resample(ops, resampler, view));
      }),
    step: (views, options = {}) => resamplerStep({ vision: config, resampler }, views, options),
  };
}

/** Tower with early compression and merger (V-4.6). */
export function mergerEncoder(vision: VisionConfig, merger: MergerConfig): VisionEncoder {
  const perToken = merger.mode === "16x" ? WINDOW * WINDOW : WINDOW;
  return {
    config: vision,
    patchMultiple: perToken,
    tokensPerView: ({ rows, columns }) => (rows * columns) / perToken,
    paddedLength: () => undefined,
    graph: (capacity) =>
      record((ops) => {
        ops.output("visual", mergedTower(ops, { vision, merger }, packedPatches(ops, vision, capacity.patches)));
      }),
    step: (views) => mergerStep(vision, merger, views),
  };
}

function mergerStep(vision: VisionConfig, merger: MergerConfig, views: readonly Patches[]): VisionStep {
  const grids = views.map(({ grid }) => grid);
  const patches = joinPatches(views);
  const counts = grids.map(patchCount);
  const spans = repeatSpans(spansOf(counts), counts);
  const positions = joinInts(grids.map((grid) => navitPositions(grid, vision.tableSide)));
  const total = sum(counts);
  const perToken = merger.mode === "16x" ? WINDOW * WINDOW : WINDOW;
  const tokenCounts = counts.map((n) => n / perToken);
  const queries = sum(tokenCounts);
  if (merger.mode === "4x") {
    const inputs = { patches, positions, spans, finalOrder: packedOrder(grids, counts) };
    return { extents: { patches: total, queries }, inputs, tokenCounts };
  }
  const merged = counts.map((n) => n / WINDOW);
  const windows = Array.from({ length: total / WINDOW }, () => WINDOW);
  return {
    extents: { patches: total, windows: sum(merged), queries },
    inputs: {
      patches,
      positions,
      spans,
      windowOrder: packedOrder(grids, counts),
      windowSpans: repeatSpans(spansOf(windows), windows),
      mergedSpans: repeatSpans(spansOf(merged), merged),
      finalOrder: packedOrder(grids.map(mergedGrid), merged),
    },
    tokenCounts,
  };
}

/** Window order of each view, shifted to where the view lies among the packed rows. */
function packedOrder(grids: readonly PatchGrid[], counts: readonly number[]): Int32Array {
  let base = 0;
  return joinInts(
    grids.map((grid, i) => {
      const order = windowOrder(grid).map((index) => index + base);
      base += counts[i];
      return order;
    }),
  );
}
