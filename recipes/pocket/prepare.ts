import { imagePlaceholder } from "../../src/chat/placeholders.ts";
import { type Patches, patchify } from "../../src/image/patchify.ts";
import type { RgbImage } from "../../src/image/rgb-image.ts";
import { slicePlan } from "../../src/image/slice-plan.ts";
import { sliceViews } from "../../src/image/views.ts";
import type { Tokenizer } from "../../src/tokenizer/tokenizer.ts";
import type { Pixels, Sample } from "./data/types.ts";
import { CHARACTERS, POCKET, POCKET_RESOLUTION, POCKET_SLICES } from "./pocket-model.ts";

/** A sample as the model sees it. */
export interface PreparedSample {
  readonly views: readonly Patches[];
  readonly ids: readonly number[];
  /** True for tokens that the model is to say: answers and their ends. */
  readonly supervised: readonly boolean[];
  /** Places among `ids` of each view's first visual token. */
  readonly visualStarts: readonly number[];
  /** Character class of each cell of each view: [view][patch · 2 + half]. */
  readonly cells: readonly Uint8Array[];
}

/** Cells side by side in a patch. */
const CELLS = 2;
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
  const image = rgbOf(sample.image);
  const plan = slicePlan(image, { granule: 14, maxSlices: POCKET_SLICES, scaleResolution: POCKET_RESOLUTION });
  const views = sliceViews(image, plan).map((view) => patchify(view));
  const grid = plan.sliced?.grid;
  const counts = views.map(() => POCKET.resampler.queryCount);
  const picture = imagePlaceholder("flat", { viewTokenCounts: counts, grid }, 0);
  return {
    views,
    ...conversation(sample, picture, tokenizer),
    cells: views.map((view, index) => {
      const scaleX =
        (plan.sliced !== undefined && index > 0 ? plan.sliced.refined.width : plan.overview.width) / image.width;
      const scaleY =
        (plan.sliced !== undefined && index > 0 ? plan.sliced.refined.height : plan.overview.height) / image.height;
      const column = grid === undefined || index === 0 ? 0 : (index - 1) % grid.columns;
      const row = grid === undefined || index === 0 ? 0 : Math.floor((index - 1) / grid.columns);
      const offset = { x: column * view.grid.columns * 14, y: row * view.grid.rows * 14 };
      return cellLabels(sample, view, { scaleX, scaleY, offset });
    }),
  };
}

function conversation(sample: Sample, picture: string, tokenizer: Tokenizer) {
  const ids: number[] = [];
  const supervised: boolean[] = [];
  const add = (
    text: string,
    { isSpecial, isSaid }: { readonly isSpecial: boolean; readonly isSaid: boolean },
  ): void => {
    for (const id of tokenizer.encode(text, { parseSpecial: isSpecial })) {
      ids.push(id);
      supervised.push(isSaid);
    }
  };
  for (const [i, { question, answer }] of sample.turns.entries()) {
    add(i === 0 ? `<|im_start|>user\n${picture}\n` : "\n<|im_start|>user\n", { isSpecial: true, isSaid: false });
    // a question may name a place: <box> is a token there too
    add(question, { isSpecial: true, isSaid: false });
    add("<|im_end|>\n<|im_start|>assistant\n", { isSpecial: true, isSaid: false });
    add(`${answer}<|im_end|>`, { isSpecial: true, isSaid: true });
  }
  const filler = tokenizer.idOf("<unk>");
  const visualStarts = ids.flatMap((id, i) => (id === filler && ids[i - 1] !== filler ? [i] : []));
  return { ids, supervised, visualStarts };
}

interface ViewFrame {
  readonly scaleX: number;
  readonly scaleY: number;
  readonly offset: { readonly x: number; readonly y: number };
}

/** For each half patch, the character that covers most of it. */
function cellLabels(sample: Sample, view: Patches, { scaleX, scaleY, offset }: ViewFrame): Uint8Array {
  const { rows, columns } = view.grid;
  const cellWidth = 14 / CELLS;
  const across = columns * CELLS;
  const labels = new Uint8Array(rows * across);
  const isLegible = typicalHeight(sample) * scaleY >= LEGIBLE_PIXELS;
  const cover = new Float32Array(rows * across).fill(LEAST_COVER);
  for (const { char, x0, y0, x1, y1 } of sample.characters) {
    const label = CLASS_OF.get(char);
    if (label === undefined) continue;
    const left = (x0 * scaleX - offset.x) / cellWidth;
    const right = (x1 * scaleX - offset.x) / cellWidth;
    const top = (y0 * scaleY - offset.y) / 14;
    const bottom = (y1 * scaleY - offset.y) / 14;
    for (let r = Math.max(0, Math.floor(top)); r < Math.min(rows, Math.ceil(bottom)); r++) {
      for (let c = Math.max(0, Math.floor(left)); c < Math.min(across, Math.ceil(right)); c++) {
        const area = (Math.min(c + 1, right) - Math.max(c, left)) * (Math.min(r + 1, bottom) - Math.max(r, top));
        if (area <= cover[r * across + c]) continue;
        cover[r * across + c] = area;
        labels[r * across + c] = isLegible ? label : ILLEGIBLE;
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

/** For the dense stage: the views in which something can be read. */
export function legibleViews(sample: PreparedSample): PreparedSample {
  const kept = sample.views
    .map((_, i) => i)
    .filter((i) => sample.cells[i].some((label) => label !== 0 && label !== ILLEGIBLE));
  return { ...sample, views: kept.map((i) => sample.views[i]), cells: kept.map((i) => sample.cells[i]) };
}
