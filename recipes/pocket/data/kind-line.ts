import { canPrint, type Face, pickFace } from "./fonts.ts";
import type { Composed, KindContext } from "./kind.ts";
import { inkColours } from "./palette.ts";
import { between, chance, type Random } from "./random.ts";
import { faceExtent, type ShapeNode, textWidth } from "./scene.ts";
import { lineText } from "./values.ts";
import { phrase } from "./words.ts";

interface LineStyle {
  readonly face: Face;
  readonly text: string;
  readonly stretch: number;
  readonly trackingEm: number;
}

function lineStyle({ random, stage, splits }: KindContext): LineStyle {
  const face = pickFace(random, { split: splits.fonts, mono: 0.25 });
  const [low, high] = stage.lineCharacters;
  const options = { low, high, split: splits.values, ...(stage.lineKinds && { kinds: stage.lineKinds }) };
  let text = lineText(random, options);
  if (face.family.caps) text = text.toUpperCase();
  // A character the face lacks would be drawn by another font: take a text without it.
  for (let tries = 0; !canPrint(face, text) && tries < 20; tries++) {
    text = lineText(random, options);
    if (face.family.caps) text = text.toUpperCase();
  }
  if (!canPrint(face, text)) text = text.replace(/[^\u0020-\u007e]/g, "").padEnd(low, "0");
  return {
    face,
    text,
    stretch: chance(random, 0.3) ? between(random, 0.8, 1.25) : 1,
    trackingEm: chance(random, 0.12) ? between(random, 0.02, 0.2) : 0,
  };
}

/** Margins as fractions of the font size: loose crops, and tight ones as detectors make. */
function margin(random: Random, size: number): number {
  return Math.round(size * (chance(random, 0.6) ? between(random, 0.1, 0.5) : between(random, 0.4, 1.6)));
}

/** Slivers of the lines above and below, as tight crops of a page show them; they are not part of the truth. */
function croppedNeighbours(
  { random }: KindContext,
  style: LineStyle,
  line: { width: number; height: number; size: number; ink: string },
): ShapeNode[] {
  const above = phrase(random, 30).toLowerCase();
  const below = phrase(random, 30);
  const sliver = between(random, 0.02, 0.14) * line.size;
  const cap = faceExtent(style.face).ascent * 0.75 * line.size;
  const draw: ShapeNode["draw"] = (canvas) => {
    canvas.font = `${line.size}px ${style.face.css}`;
    canvas.fillStyle = line.ink;
    canvas.fillText(above, -line.size * 0.3, sliver - 1);
    canvas.fillText(below, -line.size * 0.6, line.height + cap - sliver);
  };
  return [{ kind: "shape", draw }];
}

/** One printed line, cropped. With `stage.lineCanvas` the line is scaled to fit that size and placed at random inside. */
export function composeLine(context: KindContext): Composed {
  const { random, stage } = context;
  const style = lineStyle(context);
  const colours = inkColours(random);
  const { ascent, descent } = faceExtent(style.face);
  let size = between(random, stage.fontPixels[0], stage.fontPixels[1]);
  const widthAt = (pixels: number): number =>
    textWidth({ ...style, size: pixels, tracking: style.trackingEm * pixels });
  const canvas = stage.lineCanvas;
  if (canvas !== undefined)
    size = Math.min(size, (canvas.width - 6) / widthAt(1), (canvas.height - 4) / (ascent + descent));
  const [inkWidth, inkHeight] = [widthAt(size), (ascent + descent) * size];
  const margins = [margin(random, size), margin(random, size), margin(random, size), margin(random, size)];
  const width = canvas?.width ?? Math.ceil(inkWidth) + margins[0] + margins[1];
  const height = canvas?.height ?? Math.ceil(inkHeight) + margins[2] + margins[3];
  const x = canvas === undefined ? margins[0] : between(random, 3, canvas.width - inkWidth - 3);
  const top = canvas === undefined ? margins[2] : between(random, 2, canvas.height - inkHeight - 2);
  const { face, text, stretch, trackingEm } = style;
  const neighbours =
    canvas === undefined && chance(random, 0.15)
      ? croppedNeighbours(context, style, { width, height, size, ink: colours.ink })
      : [];
  const node = {
    kind: "text",
    text,
    x,
    y: top + ascent * size,
    size,
    face,
    colour: colours.ink,
    line: 0,
    stretch,
    tracking: trackingEm * size,
  } as const;
  return {
    scene: { width, height, paper: colours.paper, coloured: colours.coloured, nodes: [...neighbours, node] },
    template: "line",
    printer:
      face.family.role === "mono" && chance(random, 0.3) ? (chance(random, 0.5) ? "thermal" : "needle") : "offset",
    fontPixels: size,
    inverted: 0.12,
  };
}
