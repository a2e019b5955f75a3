import { canPrint, type Face, faceNamed, pickFace } from "./fonts.ts";
import type { Compose, KindContext } from "./kind.ts";
import { type Colours, inkColours } from "./palette.ts";
import { between, chance, integer, pick } from "./random.ts";
import { faceExtent, type SceneNode, type TextNode, textWidth } from "./scene.ts";
import { lineText } from "./values.ts";
import { phrase } from "./words.ts";

/** Sides in pixels whose product is about one view's area: such a picture is seen as it is, neither cut nor resized. */
const SIDES: readonly (readonly [number, number])[] = [
  [168, 168],
  [160, 176],
  [176, 160],
  [144, 192],
  [192, 144],
  [136, 200],
  [208, 128],
  [232, 120],
  [344, 80],
];

interface Style {
  readonly face: Face;
  readonly size: number;
  readonly stretch: number;
  readonly tracking: number;
}

function style({ random, stage, splits }: KindContext): Style {
  const [low, high] = stage.fontPixels;
  const size = low * (high / low) ** random.next();
  return {
    face:
      stage.families === undefined
        ? pickFace(random, { split: splits.fonts, mono: 0.25 })
        : faceNamed(pick(random, stage.families)),
    size,
    stretch: chance(random, 0.25) ? between(random, 0.8, 1.25) : 1,
    tracking: chance(random, 0.1) ? between(random, 0.02, 0.15) * size : 0,
  };
}

/** Words and values side by side, more of them than a line holds. */
function words({ random, stage, splits }: KindContext, face: Face): string {
  const kinds = stage.lineKinds;
  const text =
    kinds !== undefined || chance(random, 0.5)
      ? lineText(random, { low: 3, high: 24, split: splits.values, ...(kinds && { kinds }) })
      : phrase(random, integer(random, 6, 24), chance(random, 0.08) ? 0.5 : 0);
  const cased = face.family.caps || chance(random, 0.15) ? text.toUpperCase() : text;
  return canPrint(face, cased) ? cased : cased.replace(/[^\u0020-\u007e]/g, "");
}

/** What sheets and pages have in common. */
function finished({ random }: KindContext, { width, height, nodes, smallest, colours }: Drawn): ReturnType<Compose> {
  return {
    scene: { width, height, paper: colours.paper, coloured: colours.coloured, nodes },
    template: "sheet",
    printer: chance(random, 0.1) ? (chance(random, 0.5) ? "thermal" : "needle") : "offset",
    fontPixels: smallest,
    inverted: 0.12,
  };
}

interface Drawn {
  readonly width: number;
  readonly height: number;
  readonly nodes: readonly SceneNode[];
  readonly smallest: number;
  readonly colours: Colours;
}

/** A view with whole lines, left, right or in the middle: what the decoder first learns to read. */
export const composePage: Compose = (context) => {
  const { random } = context;
  const [width, height] = pick(random, SIDES);
  const colours = inkColours(random);
  const nodes: SceneNode[] = [];
  let now = style(context);
  let smallest = now.size;
  const place = pick(random, [0, 0, 0.5, 1]);
  const margin = between(random, 4, 20);
  const [fewest, most] = context.stage.items;
  // most pages are full, some have a line or two
  const lineCount = chance(random, 0.7) ? most : integer(random, fewest, most);
  let top = between(random, 2, chance(random, 0.7) ? 14 : 40);
  for (let line = 0; line < lineCount; line++) {
    if (chance(random, 0.25)) now = style(context);
    const { ascent, descent } = faceExtent(now.face);
    if (top + (ascent + descent) * now.size > height - 2) break;
    const text = fitting(context, now, width - 2 * margin);
    const baseline = top + ascent * now.size;
    if (text !== "") {
      const x = margin + place * (width - 2 * margin - textWidth({ ...now, text }));
      nodes.push({ kind: "text", text, x, y: baseline, colour: colours.ink, line, ...now });
      smallest = Math.min(smallest, now.size);
    }
    top = baseline + (descent + between(random, 0.02, chance(random, 0.7) ? 0.3 : 0.9)) * now.size;
  }
  return finished(context, { width, height, nodes, smallest, colours });
};

/** Words as long as they fit; the last of many lines is cut off where the view ends, so that the line is full. */
function fitting(context: KindContext, now: Style, width: number): string {
  const fits = (text: string): boolean => textWidth({ ...now, text }) <= width;
  let text = "";
  for (let tries = 0; tries < 8; tries++) {
    const more = words(context, now.face);
    let longer = text === "" ? more : `${text} ${more}`;
    if (fits(longer)) text = longer;
    else if (chance(context.random, 0.3)) {
      while (longer.length > text.length && !fits(longer)) longer = longer.slice(0, -1).trimEnd();
      return longer;
    }
  }
  return text;
}

/**
 * A view full of print for the dense stage: lines from edge to edge, each in a face and size of its own or its
 * neighbour's, cut off at the edges as slices cut them.
 */
export const composeSheet: Compose = (context) => {
  const { random } = context;
  const [width, height] = pick(random, SIDES);
  const colours = inkColours(random);
  const nodes: SceneNode[] = [];
  let now = style(context);
  let smallest = now.size;
  let top = between(random, -0.8, 0.4) * now.size;
  for (let line = 0; top < height; line++) {
    if (chance(random, 0.5)) now = style(context);
    smallest = Math.min(smallest, now.size);
    const { ascent, descent } = faceExtent(now.face);
    const baseline = top + ascent * now.size;
    const run: Omit<TextNode, "text" | "x"> = { kind: "text", y: baseline, colour: colours.ink, line, ...now };
    let x = between(random, -2, 1.5) * now.size;
    while (x < width) {
      const text = words(context, now.face);
      nodes.push({ ...run, text, x });
      x +=
        textWidth({ ...now, text }) +
        now.size * (chance(random, 0.7) ? between(random, 0.25, 0.6) : between(random, 0.6, 3));
    }
    top = baseline + (descent + between(random, 0, 0.5)) * now.size;
  }
  return finished(context, { width, height, nodes, smallest, colours });
};
