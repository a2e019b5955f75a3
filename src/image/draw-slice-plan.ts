import { drawText, textSize } from "./bitmap-font.ts";
import { resizePillowBicubic } from "./resize/pillow-bicubic.ts";
import { cropImage, type RgbImage, type Size } from "./rgb-image.ts";
import type { SlicedPart, SlicePlan } from "./slice-plan.ts";
import { llavaNextCost, pictureTokens, type TokenRule, viewTokens } from "./token-cost.ts";

const MARGIN = 8;
const GAP = 4;
const TEXT_SCALE = 2;
const MAX_DRAWN = { width: 1200, height: 2400 };
const GROUND = 48; // dark gray

/** A drawing of what a model will see: the overview, below it the slices apart from each other, sizes and token cost. */
export function drawSlicePlan(image: RgbImage, plan: SlicePlan, rule: TokenRule): RgbImage {
  const overviewSize = fitted(plan.overview);
  const slices = plan.sliced === undefined ? undefined : sliceLayout(plan.sliced);
  const lines = captions(image, plan, rule);
  const lineHeight = textSize("", TEXT_SCALE).height + GAP;
  const textHeight = lines.length * lineHeight;
  const textWidth = Math.max(...lines.map((line) => textSize(line, TEXT_SCALE).width));
  const slicesTop = MARGIN + textHeight + overviewSize.height + MARGIN;
  const canvas = blank({
    width: Math.max(overviewSize.width, slices?.total.width ?? 0, textWidth) + 2 * MARGIN,
    height: slicesTop + (slices === undefined ? 0 : slices.total.height + MARGIN),
  });
  lines.forEach((line, i) => {
    drawText(canvas, line, MARGIN, MARGIN + i * lineHeight, TEXT_SCALE);
  });
  paste(canvas, resizePillowBicubic(image, overviewSize), MARGIN, MARGIN + textHeight);
  if (slices !== undefined && plan.sliced !== undefined)
    drawSlices(canvas, image, plan.sliced, slices, slicesTop, rule);
  return canvas;
}

interface SliceLayout {
  /** Drawn size of one slice. */
  readonly cell: Size;
  readonly total: Size;
}

function sliceLayout({ grid, slice, refined }: SlicedPart): SliceLayout {
  const scale = drawnScale(refined);
  const cell = {
    width: Math.max(1, Math.floor(slice.width * scale)),
    height: Math.max(1, Math.floor(slice.height * scale)),
  };
  return {
    cell,
    total: {
      width: grid.columns * (cell.width + GAP) - GAP,
      height: grid.rows * (cell.height + GAP) - GAP,
    },
  };
}

function drawSlices(
  canvas: RgbImage,
  image: RgbImage,
  { grid, slice }: SlicedPart,
  { cell }: SliceLayout,
  top: number,
  rule: TokenRule,
): void {
  const whole = resizePillowBicubic(image, { width: cell.width * grid.columns, height: cell.height * grid.rows });
  for (let row = 0; row < grid.rows; row++) {
    for (let column = 0; column < grid.columns; column++) {
      const [x0, y0] = [column * cell.width, row * cell.height];
      const x = MARGIN + column * (cell.width + GAP);
      const y = top + row * (cell.height + GAP);
      paste(canvas, cropImage(whole, { x0, y0, x1: x0 + cell.width, y1: y0 + cell.height }), x, y);
      const number = row * grid.columns + column + 1;
      const label = `${number}: ${slice.width}x${slice.height} ${viewTokens(slice, rule)}`;
      drawText(canvas, shortened(label, cell.width), x, y, TEXT_SCALE);
    }
  }
}

function captions(image: Size, plan: SlicePlan, rule: TokenRule): string[] {
  const { overview, sliced } = plan;
  const lines = [
    `picture ${image.width}x${image.height} = ${pictureTokens(plan, rule)} tokens, llava-next ${llavaNextCost(image).tokens}`,
    `overview ${overview.width}x${overview.height} = ${viewTokens(overview, rule)} tokens`,
  ];
  if (sliced === undefined) return lines;
  const { grid, slice, refined } = sliced;
  const cost = `${slice.width}x${slice.height} = ${viewTokens(slice, rule)} tokens`;
  return [...lines, `slices ${grid.columns}x${grid.rows} of ${refined.width}x${refined.height}, each ${cost}`];
}

function shortened(label: string, width: number): string {
  return label.slice(0, Math.max(1, Math.floor((width / TEXT_SCALE - 1) / 4)));
}

function fitted(size: Size): Size {
  const scale = drawnScale(size);
  return { width: Math.max(1, Math.round(size.width * scale)), height: Math.max(1, Math.round(size.height * scale)) };
}

function drawnScale(size: Size): number {
  return Math.min(1, MAX_DRAWN.width / size.width, MAX_DRAWN.height / size.height);
}

function blank(size: Size): RgbImage {
  return { ...size, data: new Uint8Array(size.width * size.height * 3).fill(GROUND) };
}

function paste(canvas: RgbImage, picture: RgbImage, x: number, y: number): void {
  for (let row = 0; row < picture.height; row++) {
    const from = row * picture.width * 3;
    canvas.data.set(picture.data.subarray(from, from + picture.width * 3), ((y + row) * canvas.width + x) * 3);
  }
}
