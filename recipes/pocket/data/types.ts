import type { LineKind } from "./values.ts";

/** Which third of fonts, templates or values a part of a sample is drawn from. */
export type Split = "train" | "validation" | "heldOut";

/** Splits of the three things that must generalise; each may be held out on its own. */
export interface Splits {
  readonly fonts: Split;
  readonly templates: Split;
  readonly values: Split;
}

export type Kind =
  | "line"
  | "block"
  | "label"
  | "receipt"
  | "invoice"
  | "form"
  | "heading"
  | "columns"
  | "sheet"
  | "page"
  | "unrelated"
  | "blank";

/** Axis-aligned rectangle in pixels of the finished picture; x1 and y1 are exclusive. */
export interface Box {
  readonly x0: number;
  readonly y0: number;
  readonly x1: number;
  readonly y1: number;
}

/** Interleaved 8-bit pixels, row by row. */
export interface Pixels {
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 3;
  readonly data: Uint8Array;
}

/** Ink of one printed character; spaces carry their empty cell. */
export interface Character extends Box {
  readonly char: string;
  /** Index into the sample's lines. */
  readonly line: number;
  /** Number of the run of text it was drawn with; a new run on the same line reads as a space. */
  readonly run: number;
}

export interface Line {
  readonly text: string;
  readonly box: Box;
  /** The characters of `text`, one by one. */
  readonly printed: readonly Character[];
}

/** One question with its exact answer; `boxes` are already written into the answer where the question asks for them. */
export interface Turn {
  readonly question: string;
  readonly answer: string;
  readonly boxes?: readonly Box[];
  /** Of an answer that reads what is printed: the character behind each of its own, undefined for breaks of lines. */
  readonly printed?: readonly (Character | undefined)[];
  /** What is asked for, e.g. "read", "total", "item-price"; "absent" marks an unanswerable question. */
  readonly task: string;
}

/** A named value of the scene, the truth behind questions. */
export interface Field {
  readonly key: string;
  readonly text: string;
  readonly box: Box;
}

export interface Sample {
  readonly image: Pixels;
  readonly turns: readonly Turn[];
  readonly characters: readonly Character[];
  readonly lines: readonly Line[];
  readonly fields: readonly Field[];
  readonly kind: Kind;
  readonly template: string;
  /** Font families drawn with, by package name. */
  readonly fonts: readonly string[];
}

/** What the stream draws; `stages` in stage.ts names the usual ones. */
export interface Stage {
  /** Relative frequency of each kind. */
  readonly kinds: Readonly<Partial<Record<Kind, number>>>;
  /** Length of a single line in characters, inclusive. */
  readonly lineCharacters: readonly [number, number];
  /** What a single line prints; everything in its usual frequency when absent. */
  readonly lineKinds?: Readonly<Partial<Record<LineKind, number>>>;
  /** Strength of wear and camera: 0 is a clean render, 1 the hardest. */
  readonly degradation: number;
  /** Size of one printed line in pixels (font size), smallest and largest. */
  readonly fontPixels: readonly [number, number];
  /** Items of a receipt or invoice, inclusive. */
  readonly items: readonly [number, number];
  /** Questions per picture, inclusive. */
  readonly turns: readonly [number, number];
  /** Families that sheets and pages are printed in; all of the split when absent. */
  readonly families?: readonly string[];
  /** Exact picture size for kind "line", where the trainer wants one shape; otherwise the picture fits its text. */
  readonly lineCanvas?: { readonly width: number; readonly height: number };
}
