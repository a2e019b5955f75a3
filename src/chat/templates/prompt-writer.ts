import type { ChatMessage, Segment } from "./messages.ts";

// White space as Python's str.strip sees it: unlike JavaScript's it has U+001C-U+001F and U+0085 and lacks U+FEFF.
const SPACE = "[\\t-\\r\\u001c-\\u0020\\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]+";
const LEADING_SPACE = new RegExp(`^${SPACE}`, "u");
const TRAILING_SPACE = new RegExp(`${SPACE}$`, "u");

// Grounding marks are asked and answered with by users: a question may say <ref>cup</ref>.
const GROUNDING_MARK = /(<\/?(?:ref|box|quad|point)>)/u;

/** Python's str.strip(). */
export function strip(text: string): string {
  return trimEnd(text.replace(LEADING_SPACE, ""));
}

function trimEnd(text: string): string {
  // A backward walk: the pattern alone would try every run of spaces inside a long text.
  let end = text.length;
  while (end > 0 && TRAILING_SPACE.test(text[end - 1])) end--;
  return text.slice(0, end);
}

export interface ContentOptions {
  /** Strips white space around the content as a whole. */
  readonly strips?: boolean;
}

/** Collects the segments of a prompt and numbers its pictures. */
export class PromptWriter {
  readonly #segments: Segment[] = [];
  #imageCount = 0;

  get segments(): readonly Segment[] {
    return this.#segments;
  }

  /** Literal text of the template: special tokens count. */
  template(text: string): this {
    if (text !== "") this.#segments.push({ kind: "template", text });
    return this;
  }

  /** Text that came from outside: only grounding marks count as tokens. */
  text(text: string): this {
    text.split(GROUNDING_MARK).forEach((piece, index) => {
      if (index % 2 === 1) this.template(piece);
      else if (piece !== "") this.#segments.push({ kind: "text", text: piece });
    });
    return this;
  }

  /** A message's content; its items are joined by a newline, as the reference joins them. */
  content(content: ChatMessage["content"], options: ContentOptions = {}): this {
    const pieces = contentPieces(content);
    if (options.strips === true) stripPieces(pieces);
    for (const piece of pieces) {
      if (piece === IMAGE) this.#segments.push({ kind: "image", index: this.#imageCount++ });
      else this.text(piece);
    }
    return this;
  }
}

const IMAGE = Symbol("image");
type Piece = string | typeof IMAGE;

function contentPieces(content: ChatMessage["content"]): Piece[] {
  if (typeof content === "string") return [content];
  const pieces: Piece[] = [];
  content.forEach((part, index) => {
    if (index > 0) pieces.push("\n");
    pieces.push(part.type === "text" ? part.text : IMAGE);
  });
  return pieces;
}

/** Strips the pieces as if they were one string in which a picture is no white space. */
function stripPieces(pieces: Piece[]): void {
  for (let first = pieces[0]; typeof first === "string"; first = pieces[0]) {
    pieces[0] = first.replace(LEADING_SPACE, "");
    if (pieces[0] !== "") break;
    pieces.shift();
  }
  for (let last = pieces.at(-1); typeof last === "string"; last = pieces.at(-1)) {
    const kept = trimEnd(last);
    pieces[pieces.length - 1] = kept;
    if (kept !== "") break;
    pieces.pop();
  }
}
