import type { SKRSContext2D } from "@napi-rs/canvas";
import type { Face } from "./fonts.ts";
import { faceExtent, type SceneNode, textWidth } from "./scene.ts";

export interface TextStyle {
  readonly face: Face;
  readonly size: number;
  readonly colour: string;
  readonly stretch?: number;
  readonly tracking?: number;
  /** Distance of baselines in font sizes, 1.25 when absent. */
  readonly leading?: number;
}

export type Align = "start" | "center" | "end";

/** A tree of boxes, laid out like a small flexbox: columns stack, rows share one baseline or stand side by side. */
export type Block =
  | {
      readonly kind: "text";
      readonly text: string;
      readonly style: TextStyle;
      readonly fields?: readonly string[];
      readonly align?: Align;
    }
  | {
      readonly kind: "row";
      readonly cells: readonly Cell[];
      readonly gap?: number;
      readonly justify?: Align | "between";
    }
  | {
      readonly kind: "stack";
      readonly children: readonly Block[];
      readonly gap?: number;
      readonly align?: Align;
      readonly frame?: Frame;
    }
  | { readonly kind: "space"; readonly height: number; readonly width?: number }
  | {
      readonly kind: "shape";
      readonly width: number | "fill";
      readonly height: number;
      readonly align?: Align;
      readonly draw: DrawShape;
    };

/** Paints into the box it was given. */
export type DrawShape = (context: SKRSContext2D, width: number, height: number) => void;

/** A cell of a row: its own width, a fixed one, or a share of what is left. */
export interface Cell {
  readonly block: Block;
  readonly width?: number;
  readonly grow?: number;
  readonly align?: Align;
}

export interface Frame {
  readonly padding: number;
  readonly draw?: DrawShape;
}

interface Size {
  readonly width: number;
  readonly height: number;
}

/** Where laid-out nodes go; counts printed lines in reading order. */
interface Sink {
  readonly nodes: SceneNode[];
  nextLine: number;
}

function lineHeight({ size, leading = 1.25 }: TextStyle): number {
  return size * leading;
}

/** Baseline below the top of a text's line box. */
function baseline(style: TextStyle): number {
  const { ascent, descent } = faceExtent(style.face);
  return lineHeight(style) / 2 + ((ascent - descent) * style.size) / 2;
}

function measure(block: Block, available: number): Size {
  switch (block.kind) {
    case "text":
      return { width: textWidth({ ...block.style, text: block.text }), height: lineHeight(block.style) };
    case "space":
      return { width: block.width ?? 0, height: block.height };
    case "shape":
      return { width: block.width === "fill" ? available : block.width, height: block.height };
    case "stack": {
      const padding = block.frame?.padding ?? 0;
      const sizes = block.children.map((child) => measure(child, available - 2 * padding));
      const gaps = Math.max(0, sizes.length - 1) * (block.gap ?? 0);
      const height = sizes.reduce((sum, size) => sum + size.height, 0) + gaps + 2 * padding;
      return { width: Math.max(0, ...sizes.map((size) => size.width)) + 2 * padding, height };
    }
    case "row": {
      const widths = cellWidths(block, available);
      const heights = block.cells.map((cell, i) => measure(cell.block, widths[i]).height);
      const gaps = Math.max(0, widths.length - 1) * (block.gap ?? 0);
      const grows = block.justify === "between" || block.cells.some((cell) => cell.grow !== undefined);
      const width = Math.max(widths.reduce((sum, w) => sum + w, 0) + gaps, leastWidth(block, available));
      return { width: grows ? Math.max(width, available) : width, height: Math.max(0, ...heights) };
    }
  }
}

function cellWidths(row: Extract<Block, { kind: "row" }>, available: number): number[] {
  const fixed = row.cells.map((cell) =>
    cell.grow === undefined ? (cell.width ?? measure(cell.block, available).width) : 0,
  );
  const gaps = Math.max(0, row.cells.length - 1) * (row.gap ?? 0);
  const left = Math.max(0, available - gaps - fixed.reduce((sum, width) => sum + width, 0));
  const shares = row.cells.reduce((sum, cell) => sum + (cell.grow ?? 0), 0);
  return row.cells.map((cell, i) => (cell.grow === undefined ? fixed[i] : (left * cell.grow) / shares));
}

/** Width below which a growing cell would run into its neighbour. */
function leastWidth(row: Extract<Block, { kind: "row" }>, available: number): number {
  const gaps = Math.max(0, row.cells.length - 1) * (row.gap ?? 0);
  const natural = row.cells.map((cell) => cell.width ?? measure(cell.block, available).width);
  const shares = row.cells.reduce((sum, cell) => sum + (cell.grow ?? 0), 0);
  const fixed = row.cells.reduce((sum, cell, i) => sum + (cell.grow === undefined ? natural[i] : 0), 0);
  const perShare = Math.max(0, ...row.cells.map((cell, i) => (cell.grow === undefined ? 0 : natural[i] / cell.grow)));
  return gaps + fixed + perShare * shares;
}

function shift(align: Align | undefined, spare: number): number {
  return align === "center" ? spare / 2 : align === "end" ? spare : 0;
}

interface Place {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly align?: Align | undefined;
  /** Line to print on, when a row has already opened one. */
  readonly line?: number | undefined;
}

function put(block: Block, at: Place, sink: Sink): void {
  const size = measure(block, at.width);
  switch (block.kind) {
    case "space":
      return;
    case "text": {
      const x = at.x + shift(block.align ?? at.align, at.width - size.width);
      const { leading: _, ...style } = block.style;
      const line = at.line ?? sink.nextLine++;
      sink.nodes.push({
        kind: "text",
        text: block.text,
        x,
        y: at.y + baseline(block.style),
        line,
        ...style,
        ...(block.fields && { fields: block.fields }),
      });
      return;
    }
    case "shape": {
      const x = at.x + shift(block.align ?? at.align, at.width - size.width);
      pushShape(sink, block.draw, { x, y: at.y, ...size });
      return;
    }
    case "stack":
      putStack(block, at, sink);
      return;
    case "row":
      putRow(block, at, sink);
      return;
  }
}

function pushShape(
  sink: Sink,
  drawShape: DrawShape,
  box: { x: number; y: number; width: number; height: number },
): void {
  sink.nodes.push({
    kind: "shape",
    draw: (context) => {
      context.translate(box.x, box.y);
      drawShape(context, box.width, box.height);
    },
  });
}

function putStack(block: Extract<Block, { kind: "stack" }>, at: Place, sink: Sink): void {
  const padding = block.frame?.padding ?? 0;
  const total = measure(block, at.width);
  if (block.frame?.draw !== undefined)
    pushShape(sink, block.frame.draw, { x: at.x, y: at.y, width: at.width, height: total.height });
  let y = at.y + padding;
  const width = at.width - 2 * padding;
  for (const child of block.children) {
    put(child, { x: at.x + padding, y, width, align: block.align }, sink);
    y += measure(child, width).height + (block.gap ?? 0);
  }
}

function putRow(block: Extract<Block, { kind: "row" }>, at: Place, sink: Sink): void {
  const widths = cellWidths(block, at.width);
  const used = widths.reduce((sum, width) => sum + width, 0) + Math.max(0, widths.length - 1) * (block.gap ?? 0);
  const spare = Math.max(0, at.width - used);
  const between = block.justify === "between" && widths.length > 1 ? spare / (widths.length - 1) : 0;
  let x = at.x + shift(block.justify === "between" ? "start" : (block.justify ?? at.align), spare);
  // Texts side by side are one printed line, on one baseline; anything else is read column by column.
  const texts = block.cells.flatMap((cell) => (cell.block.kind === "text" ? cell.block : []));
  const oneLine =
    texts.length > 0 && block.cells.every((cell) => cell.block.kind !== "stack" && cell.block.kind !== "row");
  const line = oneLine ? sink.nextLine++ : undefined;
  const ground = Math.max(0, ...texts.map((text) => baseline(text.style)));
  block.cells.forEach((cell, i) => {
    const drop = oneLine && cell.block.kind === "text" ? ground - baseline(cell.block.style) : 0;
    put(cell.block, { x, y: at.y + drop, width: widths[i], align: cell.align, line }, sink);
    x += widths[i] + (block.gap ?? 0) + between;
  });
}

export interface LaidOut {
  readonly width: number;
  readonly height: number;
  readonly nodes: readonly SceneNode[];
}

/** Places a tree on a page of the given inner width; the page grows downwards, and wider only if something does not fit. */
export function layout(root: Block, options: { readonly width: number; readonly margin: number }): LaidOut {
  const { margin } = options;
  const wanted = measure(root, options.width);
  const width = Math.max(options.width, wanted.width);
  const sink: Sink = { nodes: [], nextLine: 0 };
  put(root, { x: margin, y: margin, width }, sink);
  return {
    width: Math.ceil(width + 2 * margin),
    height: Math.ceil(measure(root, width).height + 2 * margin),
    nodes: sink.nodes,
  };
}

/** Breaks text at spaces so that each line fits; a longer word stands alone. */
export function wrapText(text: string, style: TextStyle, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    const joined = line === "" ? word : `${line} ${word}`;
    if (line !== "" && textWidth({ ...style, text: joined }) > width) {
      lines.push(line);
      line = word;
    } else line = joined;
  }
  return line === "" ? lines : [...lines, line];
}

export function text(content: string, style: TextStyle, fields?: readonly string[], align?: Align): Block {
  return { kind: "text", text: content, style, ...(fields && { fields }), ...(align && { align }) };
}

/** Label at the left, value at the right end of the line. */
export function pair(left: Block, right: Block, gap = 0): Block {
  return { kind: "row", cells: [{ block: left }, { block: right }], justify: "between", gap };
}

export function stack(children: readonly Block[], options: { gap?: number; align?: Align; frame?: Frame } = {}): Block {
  return { kind: "stack", children, ...options };
}

export function space(height: number): Block {
  return { kind: "space", height };
}
