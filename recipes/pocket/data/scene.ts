import { createCanvas, type SKRSContext2D } from "@napi-rs/canvas";
import type { Face } from "./fonts.ts";
import type { Box, Character, Line, Pixels, Turn } from "./types.ts";

/** A run of text in one face on one baseline. */
export interface TextNode {
  readonly kind: "text";
  readonly text: string;
  /** Left end and baseline, in pixels. */
  readonly x: number;
  readonly y: number;
  readonly size: number;
  readonly face: Face;
  readonly colour: string;
  /** Printed line this run belongs to; runs of one line are read left to right with a space between. */
  readonly line: number;
  /** Horizontal scale, 1 when absent. */
  readonly stretch?: number;
  /** Extra space after each character in pixels. */
  readonly tracking?: number;
  /** Names of the values this whole run prints. */
  readonly fields?: readonly string[];
}

/** Anything that is not text: rules, frames, logos, textures. */
export interface ShapeNode {
  readonly kind: "shape";
  readonly draw: (context: SKRSContext2D) => void;
}

export type SceneNode = TextNode | ShapeNode;

export interface Scene {
  readonly width: number;
  readonly height: number;
  readonly paper: string;
  /** True when the picture keeps its colours; otherwise it becomes grey. */
  readonly coloured: boolean;
  readonly nodes: readonly SceneNode[];
}

/** Ink of a glyph relative to its pen position on the baseline, for a font of one pixel; y grows downwards. */
interface Glyph {
  readonly advance: number;
  readonly x0: number;
  readonly y0: number;
  readonly x1: number;
  readonly y1: number;
}

// Skia scales outlines linearly, so one measurement at a large size serves all sizes.
const referencePixels = 128;
const measuring = createCanvas(8, 8).getContext("2d");
const glyphs = new Map<string, Glyph>();
const kerns = new Map<string, number>();
let measuringCss = "";

function measure(face: Face, text: string): TextMetrics {
  if (measuringCss !== face.css) {
    measuring.font = `${referencePixels}px ${face.css}`;
    measuringCss = face.css;
  }
  return measuring.measureText(text);
}

function glyphOf(face: Face, char: string): Glyph {
  const key = face.css + char;
  const known = glyphs.get(key);
  if (known !== undefined) return known;
  const m = measure(face, char);
  const made = {
    advance: m.width / referencePixels,
    x0: -m.actualBoundingBoxLeft / referencePixels,
    y0: -m.actualBoundingBoxAscent / referencePixels,
    x1: m.actualBoundingBoxRight / referencePixels,
    y1: m.actualBoundingBoxDescent / referencePixels,
  };
  glyphs.set(key, made);
  return made;
}

function kernOf(face: Face, first: string, second: string): number {
  if (face.family.role === "mono") return 0;
  const key = face.css + first + second;
  const known = kerns.get(key);
  if (known !== undefined) return known;
  const together = measure(face, first + second).width / referencePixels;
  const made = together - glyphOf(face, first).advance - glyphOf(face, second).advance;
  kerns.set(key, made);
  return made;
}

/** Pen positions before each character and after the last, from 0. */
function pens(node: Pick<TextNode, "text" | "size" | "face" | "stretch" | "tracking">): number[] {
  const { face, size, stretch = 1, tracking = 0 } = node;
  const chars = [...node.text];
  const out = [0];
  let pen = 0;
  for (let i = 0; i < chars.length; i++) {
    const kern = i + 1 < chars.length && tracking === 0 ? kernOf(face, chars[i], chars[i + 1]) : 0;
    pen += ((glyphOf(face, chars[i]).advance + kern) * size + tracking) * stretch;
    out.push(pen);
  }
  return out;
}

/** Width in pixels of a run. */
export function textWidth(node: Pick<TextNode, "text" | "size" | "face" | "stretch" | "tracking">): number {
  return pens(node)[[...node.text].length];
}

/** Highest ascent and lowest descent of the printable characters, in font sizes. */
export function faceExtent(face: Face): { readonly ascent: number; readonly descent: number } {
  const probes = [..."Ah0Ågjpy,|"].map((char) => glyphOf(face, char));
  return { ascent: -Math.min(...probes.map((g) => g.y0)), descent: Math.max(...probes.map((g) => g.y1)) };
}

function charactersOf(node: TextNode, run: number): Character[] {
  const at = pens(node);
  const { size, stretch = 1 } = node;
  return [...node.text].map((char, i) => {
    const glyph = glyphOf(node.face, char);
    const left = node.x + at[i];
    if (char === " ")
      return { char, line: node.line, run, x0: left, x1: node.x + at[i + 1], y0: node.y - size / 2, y1: node.y };
    const [x0, x1] = [left + glyph.x0 * size * stretch, left + glyph.x1 * size * stretch];
    return { char, line: node.line, run, x0, x1, y0: node.y + glyph.y0 * size, y1: node.y + glyph.y1 * size };
  });
}

function drawText(context: SKRSContext2D, node: TextNode): void {
  context.save();
  context.translate(node.x, node.y);
  context.scale(node.stretch ?? 1, 1);
  context.font = `${node.size}px ${node.face.css}`;
  context.fillStyle = node.colour;
  if (node.tracking === undefined || node.tracking === 0) context.fillText(node.text, 0, 0);
  else {
    const at = pens(node);
    const chars = [...node.text];
    for (let i = 0; i < chars.length; i++) context.fillText(chars[i], at[i] / (node.stretch ?? 1), 0);
  }
  context.restore();
}

/** Smallest rectangle around all of `boxes`; throws RangeError for none. */
export function unionBox(boxes: readonly Box[]): Box {
  if (boxes.length === 0) throw new RangeError("unionBox needs at least one box.");
  return {
    x0: Math.min(...boxes.map((box) => box.x0)),
    y0: Math.min(...boxes.map((box) => box.y0)),
    x1: Math.max(...boxes.map((box) => box.x1)),
    y1: Math.max(...boxes.map((box) => box.y1)),
  };
}

/** A field or line as a set of characters, so that boxes can follow the paper when it is bent. */
export interface Span {
  readonly key: string;
  readonly text: string;
  readonly first: number;
  readonly last: number;
}

export interface Drawing {
  readonly pixels: Pixels;
  readonly characters: readonly Character[];
  /** Values of the scene as ranges of `characters`, last inclusive. */
  readonly spans: readonly Span[];
}

let shared: SKRSContext2D | undefined;

/** One canvas serves all scenes: its memory lies outside the JavaScript heap, where the collector does not hurry. */
function sharedContext(width: number, height: number): SKRSContext2D {
  if (shared === undefined || shared.canvas.width < width || shared.canvas.height < height) {
    const [w, h] = [Math.max(width, shared?.canvas.width ?? 0), Math.max(height, shared?.canvas.height ?? 0)];
    shared = createCanvas(w, h).getContext("2d");
  }
  return shared;
}

/** Draws a scene and tells where every character's ink lies. */
export function draw(scene: Scene): Drawing {
  const context = sharedContext(scene.width, scene.height);
  context.fillStyle = scene.paper;
  context.fillRect(0, 0, scene.width, scene.height);
  const characters: Character[] = [];
  const spans: Span[] = [];
  for (const [run, node] of scene.nodes.entries()) {
    if (node.kind === "shape") {
      context.save();
      node.draw(context);
      context.restore();
      continue;
    }
    drawText(context, node);
    const first = characters.length;
    characters.push(...charactersOf(node, run));
    for (const key of node.fields ?? []) spans.push({ key, text: node.text, first, last: characters.length - 1 });
  }
  const rgba = context.getImageData(0, 0, scene.width, scene.height).data;
  return { pixels: scene.coloured ? toRgb(rgba, scene) : toGrey(rgba, scene), characters, spans };
}

function toGrey(rgba: Uint8ClampedArray, { width, height }: Scene): Pixels {
  const data = new Uint8Array(width * height);
  // Rec. 601 luma, in 8.8 fixed point.
  for (let i = 0, j = 0; i < data.length; i++, j += 4)
    data[i] = (77 * rgba[j] + 150 * rgba[j + 1] + 29 * rgba[j + 2]) >> 8;
  return { width, height, channels: 1, data };
}

function toRgb(rgba: Uint8ClampedArray, { width, height }: Scene): Pixels {
  const data = new Uint8Array(width * height * 3);
  for (let i = 0, j = 0; i < data.length; i += 3, j += 4) {
    data[i] = rgba[j];
    data[i + 1] = rgba[j + 1];
    data[i + 2] = rgba[j + 2];
  }
  return { width, height, channels: 3, data };
}

/** Lines in reading order, from characters that carry their line's number. */
export function linesOf(characters: readonly Character[]): Line[] {
  const byLine = new Map<number, Character[]>();
  for (const character of characters) {
    const list = byLine.get(character.line);
    if (list === undefined) byLine.set(character.line, [character]);
    else list.push(character);
  }
  return [...byLine.entries()]
    .sort(([a], [b]) => a - b)
    .map(([, list]) => {
      const printed = joinRuns(list);
      return { text: printed.map(({ char }) => char).join(""), box: inkBox(list), printed };
    });
}

/** Characters in drawing order; a jump to another run reads as one space, which takes the place of what follows. */
function joinRuns(list: readonly Character[]): readonly Character[] {
  const printed = list.flatMap((character, i) => {
    const jump = i > 0 && list[i - 1].run !== character.run && list[i - 1].char !== " " && character.char !== " ";
    return jump ? [{ ...character, char: " " }, character] : [character];
  });
  const first = printed.findIndex(({ char }) => char.trim() !== "");
  const last = printed.findLastIndex(({ char }) => char.trim() !== "");
  return first < 0 ? [] : printed.slice(first, last + 1);
}

/** An answer that reads lines: their text, where they stand, and the character behind each of its own. */
export function readLines(lines: readonly Line[]): Pick<Turn, "answer" | "boxes" | "printed" | "task"> {
  return {
    answer: lines.map((line) => line.text).join("\n"),
    boxes: lines.map((line) => line.box),
    printed: lines.flatMap(({ printed }, i): readonly (Character | undefined)[] =>
      i === 0 ? printed : [undefined, ...printed],
    ),
    task: "read",
  };
}

/** Box of the ink alone: spaces at the ends do not widen it. */
export function inkBox(list: readonly Character[]): Box {
  const ink = list.filter((character) => character.char !== " ");
  return unionBox(ink.length > 0 ? ink : list);
}
