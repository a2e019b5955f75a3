/** A value that the answer says was read at a place, in fractions of the picture's sides. */
export interface Place {
  readonly label: string;
  readonly x0: number;
  readonly y0: number;
  readonly x1: number;
  readonly y1: number;
}

/** Of a value that stands before its place: `12.99<box>…</box>`. */
const MOST_LETTERS = 40;

/** The models write coordinates as 0…1000 of each side. */
const SPAN = 1000;
const BOX = /(?:<ref>([^<]*)<\/ref>\s*)?<box>\s*(\d+)[\s,;:]+(\d+)[\s,;:]+(\d+)[\s,;:]+(\d+)\s*<\/box>/g;

/** The places that an answer names, and its text with the marks left out. */
export function placesOf(answer: string): { readonly text: string; readonly places: readonly Place[] } {
  const places: Place[] = [];
  // where some places are labelled, what stands before the others is prose
  const isLabelled = answer.includes("<ref>");
  let end = 0;
  const text = answer.replace(BOX, (mark: string, label: string | undefined, ...rest: (string | number)[]) => {
    const [x0, y0, x1, y1] = rest.slice(0, 4).map((digits) => Math.min(1, Number(digits) / SPAN));
    const at = Number(rest[4]);
    const before = answer.slice(end, at).split("\n").at(-1)?.trim() ?? "";
    end = at + mark.length;
    const named = label?.trim() || (isLabelled || before.length > MOST_LETTERS ? "" : before);
    const shown = named || `Place ${places.length + 1}`;
    places.push({
      label: shown,
      x0: Math.min(x0, x1),
      y0: Math.min(y0, y1),
      x1: Math.max(x0, x1),
      y1: Math.max(y0, y1),
    });
    return label ?? "";
  });
  return { text, places };
}

/** The JSON that an answer is or holds in a fenced block; undefined where there is none. */
export function jsonIn(answer: string): string | undefined {
  const fenced = /```(?:json)?\s*([\s\S]*?)```/.exec(answer)?.[1];
  for (const text of [fenced, answer]) {
    try {
      if (text !== undefined && /^\s*[[{]/.test(text)) return JSON.stringify(JSON.parse(text), null, 2);
    } catch {
      // looks like JSON and is none: the answer is text
    }
  }
  return undefined;
}
