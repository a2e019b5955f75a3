import { boldOf, canPrint, type Face, pickFace } from "./fonts.ts";
import type { KindContext } from "./kind.ts";
import type { Block, DrawShape, TextStyle } from "./layout.ts";
import { between, chance, pick, type Random } from "./random.ts";

/** The type of one document: a body face and its companions. */
export interface TypeKit {
  readonly body: TextStyle;
  readonly strong: TextStyle;
  readonly title: TextStyle;
  readonly small: TextStyle;
  readonly ink: string;
  /** Everything is printed in capitals, as cheap printers and some faces do. */
  readonly upper: boolean;
}

export interface TypeKitOptions {
  readonly mono: number;
  readonly ink: string;
  /** Ratio of the title's size to the body's. */
  readonly titleScale?: readonly [number, number];
  readonly upper?: number;
}

/** Draws the faces and sizes of a document. Body size comes from the stage. */
export function typeKit({ random, stage, splits }: KindContext, options: TypeKitOptions): TypeKit {
  const face = pickFace(random, {
    split: splits.fonts,
    mono: options.mono,
    weight: chance(random, 0.15) ? "any" : "regular",
  });
  const size = between(random, ...stage.fontPixels);
  const body: TextStyle = {
    face,
    size,
    colour: options.ink,
    leading: between(random, 1.12, 1.55),
    stretch: chance(random, 0.25) ? between(random, 0.85, 1.15) : 1,
    tracking: chance(random, 0.1) ? size * between(random, 0.01, 0.08) : 0,
  };
  const titleFace: Face = chance(random, 0.5) ? boldOf(face) : pickFace(random, { split: splits.fonts, mono: 0.1 });
  const scale = between(random, ...(options.titleScale ?? [1.2, 2]));
  return {
    body,
    strong: { ...body, face: boldOf(face) },
    title: { ...body, face: titleFace, size: size * scale, tracking: 0, stretch: 1 },
    small: { ...body, size: Math.max(stage.fontPixels[0] * 0.85, size * between(random, 0.75, 1)) },
    ink: options.ink,
    upper: face.family.caps || titleFace.family.caps || chance(random, options.upper ?? 0),
  };
}

/** Text as this kit prints it: capitals where it must be, and no character that a face lacks. */
export function printable(kit: TypeKit, content: string): string {
  const cased = kit.upper ? content.toUpperCase() : content;
  if (canPrint(kit.body.face, cased) && canPrint(kit.title.face, cased)) return cased;
  const plain = cased
    .replaceAll("€", "EUR ")
    .replaceAll("£", "GBP ")
    .replace(/[–—]/g, "-")
    .replaceAll("•", "*")
    .replaceAll("°", "");
  return plain
    .normalize("NFD")
    .replace(/[^\u0020-\u007e]/g, "")
    .trim();
}

export type RuleStyle = "solid" | "double" | "dashes" | "stars" | "equals" | "dots" | "none";

export const ruleStyles: readonly RuleStyle[] = ["solid", "double", "dashes", "stars", "equals", "dots", "none"];

/** A separator. Typed rules (dashes, stars) are drawn as shapes: nobody asks to read them. */
export function rule(kit: TypeKit, style: RuleStyle): Block {
  const { size, colour } = kit.body;
  return {
    kind: "shape",
    width: "fill",
    height: size * (style === "none" ? 0.5 : 0.9),
    draw: drawRule(style, size, colour),
  };
}

function drawRule(style: RuleStyle, size: number, colour: string): DrawShape {
  return (context, width, height) => {
    context.strokeStyle = colour;
    context.fillStyle = colour;
    context.lineWidth = Math.max(1, size / 14);
    const middle = Math.round(height / 2);
    const lineAt = (y: number): void => {
      context.beginPath();
      context.moveTo(0, y);
      context.lineTo(width, y);
      context.stroke();
    };
    if (style === "none") return;
    if (style === "double" || style === "equals") {
      if (style === "equals") context.setLineDash([size * 0.5, size * 0.1]);
      lineAt(middle - size * 0.1);
      return lineAt(middle + size * 0.12);
    }
    if (style === "dashes") context.setLineDash([size * 0.4, size * 0.2]);
    if (style === "dots") context.setLineDash([size * 0.1, size * 0.25]);
    if (style === "stars") {
      for (let x = size * 0.3; x < width; x += size * 0.6) star(context, x, middle, size * 0.2);
      return;
    }
    lineAt(middle);
  };
}

function star(context: Parameters<DrawShape>[0], x: number, y: number, radius: number): void {
  context.beginPath();
  for (let arm = 0; arm < 3; arm++) {
    const angle = (arm * Math.PI) / 3 + Math.PI / 6;
    context.moveTo(x - radius * Math.cos(angle), y - radius * Math.sin(angle));
    context.lineTo(x + radius * Math.cos(angle), y + radius * Math.sin(angle));
  }
  context.stroke();
}

/** A code of bars with no readable text. */
export function barcode(random: Random, colour: string, width: number, height: number): Block {
  const bars = Array.from({ length: 60 }, () => 1 + random.below(4));
  const total = bars.reduce((sum, bar) => sum + bar, 0);
  return {
    kind: "shape",
    width,
    height,
    draw: (context) => {
      context.fillStyle = colour;
      let x = 0;
      bars.forEach((bar, i) => {
        if (i % 2 === 0) context.fillRect((x / total) * width, 0, (bar / total) * width, height);
        x += bar;
      });
    },
  };
}

/** A square code of modules with no readable text. */
export function matrixCode(random: Random, colour: string, size: number): Block {
  const cells = 21;
  const dark = Array.from({ length: cells * cells }, () => chance(random, 0.5));
  return {
    kind: "shape",
    width: size,
    height: size,
    draw: (context) => {
      context.fillStyle = colour;
      const step = size / cells;
      dark.forEach((on, i) => {
        const [x, y] = [i % cells, Math.floor(i / cells)];
        const corner = (x < 7 && y < 7) || (x >= cells - 7 && y < 7) || (x < 7 && y >= cells - 7);
        const [u, v] = [x % 14, y % 14];
        const finder = u === 0 || v === 0 || u === 6 || v === 6 || (u > 1 && u < 5 && v > 1 && v < 5);
        if (corner ? finder : on) context.fillRect(x * step, y * step, step, step);
      });
    },
  };
}

const logoShapes = [
  "disc",
  "ring",
  "square",
  "diamond",
  "triangle",
  "bars",
  "leaf",
  "waves",
  "star",
  "hexagon",
] as const;

/** A mark made of simple shapes, as above a shop's name. */
export function logo(random: Random, colour: string, size: number): Block {
  const shape = pick(random, logoShapes);
  return { kind: "shape", width: size, height: size, draw: (context) => drawLogo(context, shape, colour, size) };
}

function drawLogo(
  context: Parameters<DrawShape>[0],
  shape: (typeof logoShapes)[number],
  colour: string,
  size: number,
): void {
  context.fillStyle = colour;
  context.strokeStyle = colour;
  context.lineWidth = size * 0.1;
  const half = size / 2;
  const polygon = (corners: number, inner = 1): void => {
    context.beginPath();
    for (let i = 0; i < corners; i++) {
      const radius = half * (i % 2 === 0 ? 1 : inner);
      const angle = (i * 2 * Math.PI) / corners - Math.PI / 2;
      context.lineTo(half + radius * Math.cos(angle), half + radius * Math.sin(angle));
    }
    context.closePath();
    context.fill();
  };
  const drawing: Readonly<Record<(typeof logoShapes)[number], () => void>> = {
    disc: () => arc(context, half, half, half * 0.9, true),
    ring: () => arc(context, half, half, half * 0.8, false),
    square: () => context.fillRect(size * 0.08, size * 0.08, size * 0.84, size * 0.84),
    diamond: () => polygon(4),
    triangle: () => polygon(3),
    hexagon: () => polygon(6),
    star: () => polygon(10, 0.45),
    bars: () => {
      for (const [i, x] of [0.1, 0.4, 0.7].entries())
        context.fillRect(size * x, size * (0.6 - 0.25 * i), size * 0.2, size * (0.4 + 0.25 * i));
    },
    leaf: () => {
      context.beginPath();
      context.moveTo(size * 0.1, size * 0.9);
      context.quadraticCurveTo(0, 0, size * 0.9, size * 0.1);
      context.quadraticCurveTo(size, size, size * 0.1, size * 0.9);
      context.fill();
    },
    waves: () =>
      [0.25, 0.5, 0.75].forEach((y) => {
        context.beginPath();
        context.moveTo(0, size * y);
        context.bezierCurveTo(size * 0.3, size * (y - 0.25), size * 0.6, size * (y + 0.25), size, size * y);
        context.stroke();
      }),
  };
  drawing[shape]();
}

function arc(context: Parameters<DrawShape>[0], x: number, y: number, radius: number, filled: boolean): void {
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  if (filled) context.fill();
  else context.stroke();
}
