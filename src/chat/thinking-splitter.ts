/** A piece of an answer: what the model thought, or what it said. */
export interface AnswerPiece {
  readonly kind: "thinking" | "text";
  readonly text: string;
}

const OPEN = "<think>";
const CLOSE = "</think>";

/** Keeps thought and answer apart in streamed text, whatever pieces it comes in. White space around the marks is dropped. */
export class ThinkingSplitter {
  #isThinking: boolean;
  #held = "";
  /** Nothing but white space has come since the start or the last mark. */
  #isAtStart = true;
  /** White space behind a mark is dropped; a model's own first space is not. */
  #dropsSpace: boolean;

  /** `startsThinking`: the prompt has opened the thought already. */
  constructor(startsThinking: boolean) {
    this.#isThinking = startsThinking;
    this.#dropsSpace = startsThinking;
  }

  push(text: string): AnswerPiece[] {
    const pieces: AnswerPiece[] = [];
    let rest = this.#held + text;
    for (;;) {
      const mark = this.#isThinking ? CLOSE : OPEN;
      const at = rest.indexOf(mark);
      if (at < 0) break;
      // a mark inside the answer proper is text: models think first or not at all
      if (!this.#isThinking && !(this.#isAtStart && rest.slice(0, at).trim() === "")) break;
      this.#give(pieces, this.#isThinking ? rest.slice(0, at).trimEnd() : "");
      rest = rest.slice(at + mark.length);
      this.#isThinking = !this.#isThinking;
      this.#isAtStart = true;
      this.#dropsSpace = true;
    }
    const safe = rest.length - this.#heldLength(rest);
    this.#held = rest.slice(safe);
    this.#give(pieces, rest.slice(0, safe));
    return pieces;
  }

  /** The stream ended: gives out what was held back. */
  flush(): AnswerPiece[] {
    const pieces: AnswerPiece[] = [];
    this.#give(pieces, this.#isThinking ? this.#held.trimEnd() : this.#held);
    this.#held = "";
    return pieces;
  }

  #give(pieces: AnswerPiece[], text: string): void {
    const shown = this.#isAtStart && this.#dropsSpace ? text.trimStart() : text;
    if (shown === "") return;
    this.#isAtStart = false;
    pieces.push({ kind: this.#isThinking ? "thinking" : "text", text: shown });
  }

  /** Length of the end of `text` that may become a mark, with the white space that would go before it. */
  #heldLength(text: string): number {
    if (!this.#isThinking && !this.#isAtStart) return 0;
    const mark = this.#isThinking ? CLOSE : OPEN;
    let length = 0;
    for (let n = 1; n < mark.length; n++) if (text.endsWith(mark.slice(0, n))) length = n;
    const before = text.slice(0, text.length - length);
    // a thought ends before the white space in front of its mark; an answer's first white space may precede one
    if (this.#isThinking) return length + before.length - before.trimEnd().length;
    return before.trim() === "" ? text.length : 0;
  }
}
