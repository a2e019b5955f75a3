import { navitPositions, stripPositions } from "../../image/patch-positions.ts";
import type { PatchGrid } from "../../image/patchify.ts";
import { mergedGrid, windowOrder } from "../../image/window-order.ts";
import type { InputData } from "../../tensor/backend.ts";
import type { Extents } from "../../tensor/dim.ts";
import type { Graph } from "../../tensor/graph.ts";
import { record } from "../../tensor/recorder.ts";
import type { MergerConfig, ResamplerConfig, VisionConfig } from "../config.ts";
import { resample } from "./resampler.ts";
import { packedPatches, visionTower } from "./vision-tower.ts";
import { mergedTower, WINDOW } from "./window-merger.ts";

/** How many views and patches one encoder step can take. */
export interface VisionCapacity {
  readonly views: number;
  readonly patches: number;
}

/** Everything about one step of views except the pixels themselves. */
export interface VisionInputs {
  readonly extents: Extents;
  readonly inputs: Readonly<Record<string, InputData>>;
  /** Rows of the output `visual` that belong to each view. */
  readonly tokenCounts: readonly number[];
}

/** Options of one encoder step. */
export interface VisionInputOptions {
  /** V-2.5's released batch behaviour: positions counted over the longest view, padding visible to attention. */
  readonly stripLength?: number;
}

/** From packed views to rows for the language model: tower and connector of one version. */
export interface VisionEncoder {
  readonly config: VisionConfig;
  /** Patches of a view must divide by this (V-4.6 merges 2×2 twice). */
  readonly patchMultiple: number;
  tokensPerView(grid: PatchGrid): number;
  /** Records inputs → `visual` [tokens, D]. */
  graph(capacity: VisionCapacity): Graph;
  inputs(grids: readonly PatchGrid[], options?: VisionInputOptions): VisionInputs;
}

/** Tower and perceiver resampler (V-1.0 to V-4.5). */
export function resamplerEncoder(config: VisionConfig, resampler: ResamplerConfig): VisionEncoder {
  return {
    config,
    patchMultiple: 1,
    tokensPerView: () => resampler.queryCount,
    graph: (capacity) =>
      record((ops) => {
        const step = packedPatches(ops, config, capacity.patches);
        const features = visionTower(ops, config, step);
        const view = { features, rows: step.rows, viewCapacity: capacity.views };
        ops.output("visual", resample(ops, resampler, view));
      }),
    inputs: (grids, options) => resamplerInputs(config, resampler, { grids, options }),
  };
}

/** Tower with early compression and merger (V-4.6). */
export function mergerEncoder(vision: VisionConfig, merger: MergerConfig): VisionEncoder {
  const perToken = merger.mode === "16x" ? WINDOW * WINDOW : WINDOW;
  return {
    config: vision,
    patchMultiple: perToken,
    tokensPerView: ({ rows, columns }) => (rows * columns) / perToken,
    graph: (capacity) =>
      record((ops) => {
        ops.output("visual", mergedTower(ops, { vision, merger }, packedPatches(ops, vision, capacity.patches)));
      }),
    inputs: (grids) => mergerInputs(vision, merger, grids),
  };
}

interface ResamplerRequest {
  readonly grids: readonly PatchGrid[];
  readonly options: VisionInputOptions | undefined;
}

function resamplerInputs(
  config: VisionConfig,
  resampler: ResamplerConfig,
  { grids, options }: ResamplerRequest,
): VisionInputs {
  const counts = grids.map(patchCount);
  const queries = resampler.queryCount;
  const positions = grids.map((grid) =>
    config.positions === "strip"
      ? stripPositions(patchCount(grid), options?.stripLength, config.tableSide)
      : navitPositions(grid, config.tableSide),
  );
  const coordinate = (pick: (index: number, columns: number) => number): Int32Array =>
    joinInts(grids.map((grid) => Int32Array.from({ length: patchCount(grid) }, (_, i) => pick(i, grid.columns))));
  const spans = spansOf(counts);
  return {
    extents: { patches: sum(counts), queries: queries * grids.length },
    inputs: {
      positions: joinInts(positions),
      spans: repeatSpans(spans, counts),
      keyRows: coordinate((i, columns) => Math.floor(i / columns)),
      keyColumns: coordinate((i, columns) => i % columns),
      queryIds: Int32Array.from({ length: queries * grids.length }, (_, i) => i % queries),
      querySpans: repeatSpans(
        spans,
        grids.map(() => queries),
      ),
    },
    tokenCounts: grids.map(() => queries),
  };
}

function mergerInputs(vision: VisionConfig, merger: MergerConfig, grids: readonly PatchGrid[]): VisionInputs {
  const counts = grids.map(patchCount);
  const spans = repeatSpans(spansOf(counts), counts);
  const positions = joinInts(grids.map((grid) => navitPositions(grid, vision.tableSide)));
  const patches = sum(counts);
  const perToken = merger.mode === "16x" ? WINDOW * WINDOW : WINDOW;
  const tokenCounts = counts.map((n) => n / perToken);
  const queries = sum(tokenCounts);
  if (merger.mode === "4x") {
    const inputs = { positions, spans, finalOrder: packedOrder(grids, counts) };
    return { extents: { patches, queries }, inputs, tokenCounts };
  }
  const merged = counts.map((n) => n / WINDOW);
  return {
    extents: { patches, windows: sum(merged), queries },
    inputs: {
      positions,
      spans,
      windowOrder: packedOrder(grids, counts),
      windowSpans: repeatSpans(
        spansOf(Array.from({ length: patches / WINDOW }, () => WINDOW)),
        Array.from({ length: patches / WINDOW }, () => WINDOW),
      ),
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

/** (begin, end) of runs laid one after another. */
function spansOf(counts: readonly number[]): readonly (readonly [number, number])[] {
  let begin = 0;
  return counts.map((count) => {
    const span = [begin, begin + count] as const;
    begin += count;
    return span;
  });
}

/** Each span once for every row of its run. */
function repeatSpans(spans: readonly (readonly [number, number])[], counts: readonly number[]): Int32Array {
  const rows = new Int32Array(2 * sum(counts));
  let at = 0;
  for (const [i, [begin, end]] of spans.entries()) {
    for (let n = 0; n < counts[i]; n++) {
      rows[at++] = begin;
      rows[at++] = end;
    }
  }
  return rows;
}

function joinInts(parts: readonly Int32Array[]): Int32Array {
  const joined = new Int32Array(sum(parts.map((part) => part.length)));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

const patchCount = ({ rows, columns }: PatchGrid): number => rows * columns;
const sum = (counts: readonly number[]): number => counts.reduce((total, n) => total + n, 0);
