import type { Patches } from "../../image/patchify.ts";
import type { SlicePlan } from "../../image/slice-plan.ts";
import { ILLEGIBLE } from "../dense-inputs.ts";
import type { SamplePlace } from "../errors.ts";
import { jsonLines, type SampleFields } from "./fields.ts";

/** A printed character and its box in pixels of the upright picture. */
export interface CharacterBox {
  readonly character: string;
  readonly x0: number;
  readonly y0: number;
  readonly x1: number;
  readonly y1: number;
}

/** A picture with everything that is printed on it: what a dense stage learns from. */
export interface DenseSample {
  readonly image: string;
  readonly characters: readonly CharacterBox[];
  readonly place: SamplePlace;
}

/** Reads JSONL of `{"image": path, "characters": [["A", x0, y0, x1, y1], …]}`. Throws DataSampleError. */
export function readDense(text: string, file: string): readonly DenseSample[] {
  return jsonLines(text, file).map((fields) => ({
    image: fields.text("image"),
    characters: fields.list("characters").map((entry) => characterBox(entry, fields)),
    place: fields.place,
  }));
}

function characterBox(entry: unknown, fields: SampleFields): CharacterBox {
  const [character, ...corners] = Array.isArray(entry) ? entry : [];
  const [x0, y0, x1, y1] = corners.map(Number);
  const isBox = corners.length === 4 && [x0, y0, x1, y1].every(Number.isFinite) && x1 > x0 && y1 > y0;
  if (typeof character !== "string" || !isBox)
    fields.fail(`${JSON.stringify(entry)} in its characters is not ["A", x0, y0, x1, y1]`);
  return { character, x0, y0, x1, y1 };
}

/** Height of ordinary print, in pixels of a view, from which its characters can be told apart. */
const LEGIBLE_PIXELS = 8;
/** Share of a cell that a character's box must cover to be its label. */
const LEAST_COVER = 0.15;
/** Letters and digits are among the taller characters; points and dashes are not. */
const TYPICAL_HEIGHT = 0.6;

export interface CellOptions {
  readonly plan: SlicePlan;
  readonly patchSize: number;
  readonly characters: readonly string[];
  readonly cellsPerPatch: number;
}

/** For each view, the class of the character that covers most of each cell: [patch · cellsPerPatch + cell]. */
export function cellLabels(
  boxes: readonly CharacterBox[],
  views: readonly Patches[],
  options: CellOptions,
): readonly Uint8Array[] {
  const classes = new Map(options.characters.map((character, i) => [character, i + 1]));
  const heights = boxes.map(({ y0, y1 }) => y1 - y0).sort((a, b) => a - b);
  const typical = heights[Math.floor(heights.length * TYPICAL_HEIGHT)] ?? 0;
  return views.map((view, index) =>
    viewLabels(boxes, view, { ...frameOf(options, view, index), classes, typical, options }),
  );
}

/** Pixels of the whole picture to pixels of a view. */
interface Frame {
  readonly scaleX: number;
  readonly scaleY: number;
  readonly left: number;
  readonly top: number;
}

function frameOf({ plan, patchSize }: CellOptions, { grid }: Patches, index: number): Frame {
  const { sliced } = plan;
  if (sliced === undefined || index === 0) {
    return { ...scales(plan.overview, plan.image), left: 0, top: 0 };
  }
  const slice = index - 1;
  return {
    ...scales(sliced.refined, plan.image),
    left: (slice % sliced.grid.columns) * grid.columns * patchSize,
    top: Math.floor(slice / sliced.grid.columns) * grid.rows * patchSize,
  };
}

type Size = { readonly width: number; readonly height: number };

function scales(to: Size, from: Size): Pick<Frame, "scaleX" | "scaleY"> {
  return { scaleX: to.width / from.width, scaleY: to.height / from.height };
}

interface Labelling extends Frame {
  readonly classes: ReadonlyMap<string, number>;
  readonly typical: number;
  readonly options: CellOptions;
}

function viewLabels(
  boxes: readonly CharacterBox[],
  { grid: { rows, columns } }: Patches,
  { scaleX, scaleY, left, top, classes, typical, options }: Labelling,
): Uint8Array {
  const { patchSize, cellsPerPatch } = options;
  const cellWidth = patchSize / cellsPerPatch;
  const across = columns * cellsPerPatch;
  const labels = new Uint8Array(rows * across);
  const cover = new Float32Array(rows * across).fill(LEAST_COVER);
  const isLegible = typical * scaleY >= LEGIBLE_PIXELS;
  for (const { character, ...box } of boxes) {
    const label = classes.get(character);
    if (label === undefined) continue;
    const x0 = (box.x0 * scaleX - left) / cellWidth;
    const x1 = (box.x1 * scaleX - left) / cellWidth;
    const y0 = (box.y0 * scaleY - top) / patchSize;
    const y1 = (box.y1 * scaleY - top) / patchSize;
    for (let r = Math.max(0, Math.floor(y0)); r < Math.min(rows, Math.ceil(y1)); r++) {
      for (let c = Math.max(0, Math.floor(x0)); c < Math.min(across, Math.ceil(x1)); c++) {
        const area = (Math.min(c + 1, x1) - Math.max(c, x0)) * (Math.min(r + 1, y1) - Math.max(r, y0));
        if (area <= cover[r * across + c]) continue;
        cover[r * across + c] = area;
        labels[r * across + c] = isLegible ? label : ILLEGIBLE;
      }
    }
  }
  return labels;
}
