import { type FileGeometry, type Frame, fileBox, filePoint, type Point } from "../image/geometry.ts";
import type { Box } from "../image/rgb-image.ts";

/** A place that an answer names, in the models' own coordinates: 0…1000 over each side of the picture. */
export interface NamedPlace {
  readonly kind: "box" | "point" | "quad";
  /** What `<ref>` in front of it says. */
  readonly label: string | undefined;
  /** One point; two opposite corners of a box; four corners of a quad. */
  readonly points: readonly Point[];
  /** Where it stands in the text: [start, end) of its mark. */
  readonly start: number;
  readonly end: number;
}

/** A named place in pixels of the picture's file as stored. */
export interface FilePlace extends NamedPlace {
  readonly pixels: readonly Point[];
  /** Smallest upright box around it; of no extent for a point. */
  readonly box: Box;
}

const MARK = /<ref>([\s\S]*?)<\/ref>|<(box|point|quad)>([\s\S]*?)<\/\2>/g;
const NUMBERS_OF = { box: 4, point: 2, quad: 8 } as const;

/** Finds `<ref>`, `<box>`, `<point>` and `<quad>` in an answer. Marks without enough numbers are left out. */
export function namedPlaces(text: string): NamedPlace[] {
  const places: NamedPlace[] = [];
  let label: { readonly text: string; readonly end: number } | undefined;
  for (const match of text.matchAll(MARK)) {
    const end = match.index + match[0].length;
    if (match[2] === undefined) {
      label = { text: match[1].trim(), end };
      continue;
    }
    const kind = match[2] as NamedPlace["kind"];
    // a label belongs to the marks that follow it, with white space or commas at most between them
    const isNear = label !== undefined && /^[\s,]*$/.test(text.slice(label.end, match.index));
    const numbers = (match[3].match(/-?\d+(?:\.\d+)?/g) ?? []).map(Number);
    for (let at = 0; at + NUMBERS_OF[kind] <= numbers.length; at += NUMBERS_OF[kind]) {
      const points = pairs(numbers.slice(at, at + NUMBERS_OF[kind]));
      places.push({ kind, label: isNear ? label?.text : undefined, points, start: match.index, end });
    }
    if (isNear && label !== undefined) label = { text: label.text, end };
  }
  return places;
}

/** Places in pixels of the file, through slice, resize and EXIF orientation. Coordinates outside 0…1000 are clamped. */
export function placesInFile(
  places: readonly NamedPlace[],
  file: FileGeometry,
  frame: Frame = { kind: "picture" },
): FilePlace[] {
  return places.map((place) => {
    const pixels = place.points.map((point) => filePoint(point, frame, file));
    const [first, second = first] = place.points;
    if (place.kind !== "quad") {
      return { ...place, pixels, box: fileBox({ x0: first.x, y0: first.y, x1: second.x, y1: second.y }, frame, file) };
    }
    const [xs, ys] = [pixels.map(({ x }) => x), pixels.map(({ y }) => y)];
    const box = { x0: Math.min(...xs), y0: Math.min(...ys), x1: Math.max(...xs), y1: Math.max(...ys) };
    return { ...place, pixels, box };
  });
}

function pairs(numbers: readonly number[]): Point[] {
  return Array.from({ length: numbers.length / 2 }, (_, i) => ({ x: numbers[2 * i], y: numbers[2 * i + 1] }));
}
