import { pick, type Random } from "./random.ts";
import type { Box, Field, Kind, Line, Pixels, Turn } from "./types.ts";

export interface Asked {
  readonly kind: Kind;
  readonly lines: readonly Line[];
  readonly fields: readonly Field[];
  readonly image: Pixels;
}

/** The model family's box form: corners in thousandths of width and height. */
export function boxText(box: Box, image: { readonly width: number; readonly height: number }): string {
  const scale = (value: number, size: number): number => Math.min(1000, Math.max(0, Math.round((value / size) * 1000)));
  return `<box>${scale(box.x0, image.width)} ${scale(box.y0, image.height)} ${scale(box.x1, image.width)} ${scale(box.y1, image.height)}</box>`;
}

const readPhrasings = [
  "Read this.",
  "Read this.",
  "Read the text.",
  "What does it say?",
  "Transcribe.",
  "What is written here?",
  "Read the line.",
  "Text?",
];

/** Questions with exact answers about one picture. */
export function ask(random: Random, scene: Asked, _count: readonly [number, number]): Turn[] {
  const text = scene.lines.map((line) => line.text).join("\n");
  return [
    { question: pick(random, readPhrasings), answer: text, task: "read", boxes: scene.lines.map((line) => line.box) },
  ];
}
