import type { Reading } from "../chat/readings.ts";
import { withoutMarks } from "../chat/readings.ts";
import { table } from "./units.ts";

/** Leaves the marks of places out of a text that comes in pieces. */
export class MarkFilter {
  #held = "";

  /** What of the text so far may be shown. */
  push(piece: string): string {
    const text = this.#held + piece;
    const clean = withoutMarks(text);
    // what may become a mark waits for its end
    const open = /<\/?[a-z]{0,5}$|<(?:box|point|quad)>[^<]*(?:<\/?[a-z]{0,5})?$/.exec(text);
    if (open === null) {
      this.#held = "";
      return clean;
    }
    this.#held = text.slice(open.index);
    return withoutMarks(text.slice(0, open.index));
  }

  /** The rest. */
  flush(): string {
    const rest = withoutMarks(this.#held);
    this.#held = "";
    return rest;
  }
}

/** Values with their places in pixels and how likely each is right; empty without values. */
export function readingsText(readings: readonly Reading[]): string {
  if (readings.length === 0) return "";
  const rows = readings.map(({ text, box, confidence }) => [
    text.replaceAll("\n", " ⏎ ").slice(0, 60),
    box === undefined ? "" : boxText(box),
    `${(100 * confidence).toFixed(0)} %`,
  ]);
  return table(["value", "box in pixels", "confidence"], rows);
}

/** "left top right bottom". */
export function boxText({ x0, y0, x1, y1 }: { x0: number; y0: number; x1: number; y1: number }): string {
  return [x0, y0, x1, y1].map(Math.round).join(" ");
}
