import type { Patches } from "../../src/image/patchify.ts";
import { resamplerEncoder } from "../../src/model/vision/connector.ts";
import type { PackInputs } from "../../src/train/trainer.ts";
import type { PackShape } from "../../src/train/training-graph.ts";
import { POCKET, POCKET_DENSE } from "./pocket-model.ts";
import { ILLEGIBLE, type PreparedSample } from "./prepare.ts";

const PATCH_VALUES = 3 * POCKET.vision.patchSize ** 2;
const QUERIES = POCKET.resampler.queryCount;
/** Rows that a view has in a pack: equal for all, so that attention of a pack is a batch of equal blocks. */
function blockOf({ patches, views }: PackShape): number {
  return patches / views;
}

/** Empty cells are many and easy: they count less. */
const EMPTY_WEIGHT = 0.15;

function cellWeight(label: number): number {
  if (label === ILLEGIBLE) return 0;
  return label === 0 ? EMPTY_WEIGHT : 1;
}

/** A visual token knows its place from itself: it counts less than a character whose place has to be found. */
function placeWeight(isSaid: boolean): number {
  return isSaid ? 1 : 0.2;
}

/** Samples that share one pack, and what they take of it. */
export interface Pack {
  readonly samples: PreparedSample[];
  views: number;
  tokens: number;
}

export function emptyPack(): Pack {
  return { samples: [], views: 0, tokens: 0 };
}

/** A view that no conversation shows still needs places for its rows. */
function tokensOf(sample: PreparedSample): number {
  return sample.ids.length === 0 ? sample.views.length * QUERIES : sample.ids.length;
}

/** Tokens left for text: so does every unused view. */
function fits(pack: Pack, sample: PreparedSample, shape: PackShape): boolean {
  const views = pack.views + sample.views.length;
  const tokens = pack.tokens + tokensOf(sample);
  const isSmall = sample.views.every(({ grid }) => grid.rows * grid.columns <= blockOf(shape));
  return isSmall && views <= shape.views && tokens + (shape.views - views) * QUERIES <= shape.tokens;
}

/** Puts a sample into a pack when it fits. A picture is never cut. */
export function addSample(pack: Pack, sample: PreparedSample, shape: PackShape): boolean {
  if (!fits(pack, sample, shape)) return false;
  pack.samples.push(sample);
  pack.views += sample.views.length;
  pack.tokens += tokensOf(sample);
  return true;
}

/** Supervised text tokens and weighted cells of a pack: what losses are divided by, over a whole step. */
export function supervisedCounts(pack: Pack): {
  readonly text: number;
  readonly place: number;
  readonly dense: number;
  readonly query: number;
} {
  let text = 0;
  let place = 0;
  let dense = 0;
  let query = 0;
  for (const { supervised, places, cells, queryCells } of pack.samples) {
    text += supervised.filter((said) => said).length;
    for (const [t, where] of places.entries()) if (where !== undefined) place += placeWeight(supervised[t]);
    for (const view of cells) for (const label of view) dense += cellWeight(label);
    for (const view of queryCells) for (const label of view) query += cellWeight(label);
  }
  return { text, place, dense, query };
}

export interface PackOptions {
  readonly shape: PackShape;
  readonly parts: "dense" | "text" | "both";
  readonly textScale: number;
  readonly placeScale: number;
  readonly denseScale: number;
  readonly queryScale: number;
}

/** Inputs of the training graph: positions restarted per sample, attention kept apart, padding that nothing sees. */
export function packInputs(
  pack: Pack,
  { shape, parts, textScale, placeScale, denseScale, queryScale }: PackOptions,
): PackInputs {
  const views = pack.samples.flatMap((sample) => sample.views);
  const block = blockOf(shape);
  const steps = views.map((view) => ENCODER.step([view]).inputs);
  const inBlocks = (name: string, perRow: number): Int32Array => {
    const rows = new Int32Array(shape.patches * perRow);
    for (const [i, inputs] of steps.entries()) rows.set(inputs[name], i * block * perRow);
    return rows;
  };
  const patches = new Float32Array(shape.patches * PATCH_VALUES);
  for (const [i, { values }] of views.entries()) patches.set(values, i * block * PATCH_VALUES);
  const common = { patches, positions: inBlocks("positions", 1), spans: blockSpans(views, shape) };
  const rows = shape.views * QUERIES;
  const read = (cells: Cells): readonly Uint8Array[] => pack.samples.flatMap((sample) => sample[cells]);
  const dense =
    parts === "text"
      ? {}
      : {
          ...denseInputs(read("cells"), {
            name: "dense",
            rows: shape.patches,
            block,
            cells: POCKET_DENSE.cellsPerPatch,
            scale: denseScale,
          }),
          ...denseInputs(read("queryCells"), {
            name: "query",
            rows,
            block: QUERIES,
            cells: POCKET_DENSE.cellsPerQuery ?? 0,
            scale: queryScale,
          }),
        };
  return {
    ...common,
    ...dense,
    keyRows: inBlocks("keyRows", 1),
    keyColumns: inBlocks("keyColumns", 1),
    queryIds: Int32Array.from({ length: rows }, (_, i) => i % QUERIES),
    querySpans: Int32Array.from(
      { length: 2 * rows },
      (_, i) => querySpan(views, Math.floor(i / 2 / QUERIES), block)[i % 2],
    ),
    ...(parts === "dense" ? {} : textInputs(pack, shape, { textScale, placeScale })),
  };
}

type Cells = "cells" | "queryCells";

interface DenseLayout {
  readonly name: "dense" | "query";
  readonly rows: number;
  /** Rows that a view has. */
  readonly block: number;
  /** Labels of a row. */
  readonly cells: number;
  readonly scale: number;
}

function denseInputs(
  views: readonly Uint8Array[],
  { name, rows, block, cells, scale }: DenseLayout,
): Readonly<Record<string, Int32Array | Float32Array>> {
  const result: Record<string, Int32Array | Float32Array> = {};
  for (let cell = 0; cell < cells; cell++) {
    const targets = new Int32Array(rows);
    const weights = new Float32Array(rows);
    for (const [index, view] of views.entries()) {
      let at = index * block;
      for (let i = cell; i < view.length; i += cells) {
        targets[at] = view[i];
        weights[at] = cellWeight(view[i]) * scale;
        at++;
      }
    }
    result[`${name}Targets.${cell}`] = targets;
    result[`${name}Weights.${cell}`] = weights;
  }
  return result;
}

function textInputs(
  pack: Pack,
  shape: PackShape,
  { textScale, placeScale }: Pick<PackOptions, "textScale" | "placeScale">,
): PackInputs {
  const ids = new Int32Array(shape.tokens);
  const positions = new Int32Array(shape.tokens);
  const targets = new Int32Array(shape.tokens);
  const targetWeights = new Float32Array(shape.tokens);
  const placeTargets = new Int32Array(shape.tokens);
  const placeWeights = new Float32Array(shape.tokens);
  const textSpans = new Int32Array(2 * shape.tokens);
  const visualAt: (number | undefined)[] = [];
  let base = 0;
  for (const sample of pack.samples) {
    for (const [t, id] of sample.ids.entries()) {
      ids[base + t] = id;
      positions[base + t] = t;
      textSpans[2 * (base + t)] = base;
      textSpans[2 * (base + t) + 1] = base + t + 1;
      // row t foretells token t + 1
      if (sample.supervised[t + 1] === true) {
        targets[base + t] = sample.ids[t + 1];
        targetWeights[base + t] = textScale;
      }
    }
    for (const [t, where] of sample.places.entries()) {
      if (where === undefined) continue;
      // a character is looked for where it is foretold, a visual token is where it is
      const row = base + t - (sample.supervised[t] ? 1 : 0);
      placeTargets[row] = where;
      placeWeights[row] = placeScale * placeWeight(sample.supervised[t]);
    }
    for (const start of sample.visualStarts) for (let q = 0; q < QUERIES; q++) visualAt.push(base + start + q);
    if (sample.ids.length === 0) visualAt.length += sample.views.length * QUERIES;
    base += sample.ids.length;
  }
  for (let t = base; t < shape.tokens; t++) {
    textSpans[2 * t] = t;
    textSpans[2 * t + 1] = t + 1;
  }
  // rows of views that nothing shows land on padding, each on a place of its own
  let padding = base;
  const places = Int32Array.from({ length: shape.views * QUERIES }, (_, i) => visualAt[i] ?? padding++);
  return {
    ids,
    textPositions: positions,
    targets,
    targetWeights,
    placeTargets,
    placeWeights,
    textSpans,
    visualAt: places,
  };
}

/** A view's rows see one another; padding sees itself alone. */
function blockSpans(views: readonly Patches[], shape: PackShape): Int32Array {
  const spans = Int32Array.from({ length: 2 * shape.patches }, (_, i) => Math.floor(i / 2) + (i % 2));
  for (const [i, { grid }] of views.entries()) {
    const begin = i * blockOf(shape);
    const end = begin + grid.rows * grid.columns;
    for (let row = begin; row < end; row++) {
      spans[2 * row] = begin;
      spans[2 * row + 1] = end;
    }
  }
  return spans;
}

/** Rows of unused views look at the first patch of their block; nothing reads what they give. */
function querySpan(views: readonly Patches[], index: number, block: number): readonly [number, number] {
  const begin = index * block;
  const grid = views[index]?.grid;
  return [begin, begin + (grid === undefined ? 1 : grid.rows * grid.columns)];
}

/** Blocks of a pack, for backends with dense attention. */
export function packBlocks(shape: PackShape): Readonly<Record<string, number>> {
  return { spans: shape.views, querySpans: shape.views };
}

const ENCODER = resamplerEncoder(POCKET.vision, POCKET.resampler);
