import { imagePlaceholder } from "../../src/chat/placeholders.ts";
import { type Patches, type PatchGrid, patchify } from "../../src/image/patchify.ts";
import type { RgbImage, Size } from "../../src/image/rgb-image.ts";
import { type SlicePlan, slicePlan } from "../../src/image/slice-plan.ts";
import { sliceViews } from "../../src/image/views.ts";
import type { Tokenizer } from "../../src/tokenizer/tokenizer.ts";
import type { Box, Pixels, Sample } from "./data/types.ts";
import { grayViews } from "./gray-views.ts";
import { CHARACTERS, POCKET, POCKET_RESOLUTION, POCKET_SLICES, QUERY_CELLS } from "./pocket-model.ts";

/** A sample as the model sees it. */
export interface PreparedSample {
  readonly views: readonly Patches[];
  readonly ids: readonly number[];
  /** True for tokens that the model is to say: answers and their ends. */
  readonly supervised: readonly boolean[];
  /** Query that stands for the place that each token names: of visual tokens their own, of read characters the character's. */
  readonly places: readonly (number | undefined)[];
  /** Places among `ids` of each view's first visual token. */
  readonly visualStarts: readonly number[];
  /** Character class of each cell of each view: [view][patch · cells + cell]. */
  readonly cells: readonly Uint8Array[];
  /** The same classes for the parts of a view that each query stands for: [view][query · cells + cell]. */
  readonly queryCells: readonly Uint8Array[];
}

const PATCH = POCKET.vision.patchSize;
/** Label of a cell whose print is too small in this view to be read: no loss is taken there. */
export const ILLEGIBLE = 255;
/** Height of ordinary print, in pixels of a view, from which its characters can be told apart. */
const LEGIBLE_PIXELS = 8;
/** Share of a cell that a character's box must cover to be its label. */
const LEAST_COVER = 0.15;

const CLASS_OF = new Map(CHARACTERS.map((char, i) => [char, i + 1]));

export function rgbOf({ width, height, channels, data }: Pixels): RgbImage {
  if (channels === 3) return { width, height, data };
  const rgb = new Uint8Array(width * height * 3);
  for (let i = 0; i < data.length; i++) rgb.fill(data[i], 3 * i, 3 * i + 3);
  return { width, height, data: rgb };
}

/** Slices the picture, writes the conversation in the family's form, and labels every patch with what stands in it. */
export function prepare(sample: Sample, tokenizer: Tokenizer): PreparedSample {
  const plan = planOf(sample);
  const viewCount = frames(sample, plan).length;
  const counts = Array.from({ length: viewCount }, () => POCKET.resampler.queryCount);
  const picture = imagePlaceholder("flat", { viewTokenCounts: counts, grid: plan.sliced?.grid }, 0);
  return {
    ...labelledViews(sample, plan, () => true),
    ...conversation(sample, picture, tokenizer, frames(sample, plan)),
  };
}

/** For the dense stage: the views in which something can be read, and no conversation. */
export function legibleViews(sample: Sample): PreparedSample {
  const plan = planOf(sample);
  const views = labelledViews(sample, plan, (cells) => cells.some((label) => label !== 0 && label !== ILLEGIBLE));
  return { ...views, ids: [], supervised: [], places: [], visualStarts: [] };
}

function planOf({ image }: Sample): SlicePlan {
  return slicePlan(image, { granule: PATCH, maxSlices: POCKET_SLICES, scaleResolution: POCKET_RESOLUTION });
}

/** Where each view of a picture lies: overview, then slices row by row. */
function frames({ image }: Sample, { overview, sliced }: SlicePlan): ViewFrame[] {
  const frame = (size: Size, whole: Size, offset: ViewFrame["offset"]): ViewFrame => ({
    grid: { rows: size.height / PATCH, columns: size.width / PATCH },
    scaleX: whole.width / image.width,
    scaleY: whole.height / image.height,
    offset,
  });
  const list = [frame(overview, overview, { x: 0, y: 0 })];
  if (sliced === undefined) return list;
  const { grid, refined, slice } = sliced;
  for (let i = 0; i < grid.rows * grid.columns; i++) {
    const offset = { x: (i % grid.columns) * slice.width, y: Math.floor(i / grid.columns) * slice.height };
    list.push(frame(slice, refined, offset));
  }
  return list;
}

function labelledViews(
  sample: Sample,
  plan: SlicePlan,
  isWanted: (cells: Uint8Array) => boolean,
): Pick<PreparedSample, "views" | "cells" | "queryCells"> {
  const list = frames(sample, plan);
  const cells = list.map((frame) => cellLabels(sample, frame, frame.grid));
  const wanted = cells.map(isWanted);
  const { image } = sample;
  const views =
    image.channels === 1
      ? grayViews(image, plan, { patchSize: PATCH, isWanted: (view) => wanted[view] })
      : sliceViews(rgbOf(image), plan).flatMap((view, i) => (wanted[i] ? [patchify(view, "stepwise", PATCH)] : []));
  const kept = list.map((_, i) => i).filter((i) => wanted[i]);
  return {
    views,
    cells: kept.map((i) => cells[i]),
    queryCells: kept.map((i) => queryLabels(sample, list[i])),
  };
}

/** What stands in each part of each query's share of the view. */
function queryLabels(sample: Sample, frame: ViewFrame): Uint8Array {
  const side = Math.sqrt(POCKET.resampler.queryCount);
  const { across, down } = QUERY_CELLS;
  const cells = cellLabels(sample, frame, { columns: side * across, rows: side * down });
  return Uint8Array.from(cells, (_, i) => {
    const [query, cell] = [Math.floor(i / (across * down)), i % (across * down)];
    const row = Math.floor(query / side) * down + Math.floor(cell / across);
    return cells[row * side * across + (query % side) * across + (cell % across)];
  });
}

function conversation(sample: Sample, picture: string, tokenizer: Tokenizer, list: readonly ViewFrame[]) {
  const ids: number[] = [];
  const supervised: boolean[] = [];
  const places: (number | undefined)[] = [];
  const add = (
    text: string,
    { isSpecial, isSaid }: { readonly isSpecial: boolean; readonly isSaid: boolean },
  ): void => {
    for (const id of tokenizer.encode(text, { parseSpecial: isSpecial })) {
      ids.push(id);
      supervised.push(isSaid);
    }
  };
  for (const [i, { question, answer, printed = [] }] of sample.turns.entries()) {
    add(i === 0 ? `<|im_start|>user\n${picture}\n` : "\n<|im_start|>user\n", { isSpecial: true, isSaid: false });
    // a question may name a place: <box> is a token there too
    add(question, { isSpecial: true, isSaid: false });
    add("<|im_end|>\n<|im_start|>assistant\n", { isSpecial: true, isSaid: false });
    while (places.length < ids.length) places.push(undefined);
    for (const [at, char] of [...answer].entries()) {
      const character = printed[at];
      const place = character === undefined ? undefined : placeOf(character, list);
      for (const _ of tokenizer.encode(char)) places.push(place);
    }
    add(`${answer}<|im_end|>`, { isSpecial: true, isSaid: true });
  }
  while (places.length < ids.length) places.push(undefined);
  const filler = tokenizer.idOf("<unk>");
  const visualStarts = ids.flatMap((id, i) => (id === filler && ids[i - 1] !== filler ? [i] : []));
  for (const start of visualStarts) for (let q = 0; q < POCKET.resampler.queryCount; q++) places[start + q] = q;
  return { ids, supervised, places, visualStarts };
}

/** The query whose share of a view holds the middle of a box; of slices, if there are any, before the overview. */
function placeOf({ x0, y0, x1, y1 }: Box, list: readonly ViewFrame[]): number | undefined {
  const side = Math.sqrt(POCKET.resampler.queryCount);
  for (const { grid, scaleX, scaleY, offset } of list.length > 1 ? list.slice(1) : list) {
    const column = Math.floor(((((x0 + x1) / 2) * scaleX - offset.x) / PATCH / grid.columns) * side);
    const row = Math.floor(((((y0 + y1) / 2) * scaleY - offset.y) / PATCH / grid.rows) * side);
    if (column >= 0 && column < side && row >= 0 && row < side) return row * side + column;
  }
  return undefined;
}

interface ViewFrame {
  readonly grid: PatchGrid;
  readonly scaleX: number;
  readonly scaleY: number;
  readonly offset: { readonly x: number; readonly y: number };
}

/** For each cell of a view cut into rows and columns, the character that covers most of it. */
function cellLabels(
  sample: Sample,
  { grid, scaleX, scaleY, offset }: ViewFrame,
  { rows, columns }: PatchGrid,
): Uint8Array {
  const cellWidth = (grid.columns * PATCH) / columns;
  const cellHeight = (grid.rows * PATCH) / rows;
  const labels = new Uint8Array(rows * columns);
  const isLegible = typicalHeight(sample) * scaleY >= LEGIBLE_PIXELS;
  const cover = new Float32Array(rows * columns).fill(LEAST_COVER);
  for (const { char, x0, y0, x1, y1 } of sample.characters) {
    const label = CLASS_OF.get(char);
    if (label === undefined) continue;
    const left = (x0 * scaleX - offset.x) / cellWidth;
    const right = (x1 * scaleX - offset.x) / cellWidth;
    const top = (y0 * scaleY - offset.y) / cellHeight;
    const bottom = (y1 * scaleY - offset.y) / cellHeight;
    for (let r = Math.max(0, Math.floor(top)); r < Math.min(rows, Math.ceil(bottom)); r++) {
      for (let c = Math.max(0, Math.floor(left)); c < Math.min(columns, Math.ceil(right)); c++) {
        const area = (Math.min(c + 1, right) - Math.max(c, left)) * (Math.min(r + 1, bottom) - Math.max(r, top));
        if (area <= cover[r * columns + c]) continue;
        cover[r * columns + c] = area;
        labels[r * columns + c] = isLegible ? label : ILLEGIBLE;
      }
    }
  }
  return labels;
}

/** Median height of the taller half of the characters: letters and digits, not points and dashes. */
function typicalHeight({ characters }: Sample): number {
  const heights = characters.map(({ y0, y1 }) => y1 - y0).sort((a, b) => a - b);
  return heights[Math.floor(heights.length * 0.6)] ?? 0;
}
