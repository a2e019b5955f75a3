import { trimNewlinesEnd, trimNewlinesStart } from "./newlines.ts";

/** What a piece of streamed text turned out to be. */
export interface ThinkingPiece {
  readonly reasoning: string;
  readonly answer: string;
}

const OPEN = "<think>";
const CLOSE = "</think>";

type Phase = "before" | "thinking" | "gap" | "answer";

/**
 * Keeps what a model thinks apart from what it answers, while the text streams in. Thoughts stand between `<think>` and
 * `</think>` at the start of the answer; the newlines around the marks belong to neither.
 */
export class ThinkingStream {
  #phase: Phase;
  #held = "";
  #isStart = true; // nothing but white space was seen in this phase

  /** `startsInThought`: the prompt has already written `<think>`. */
  constructor({ startsInThought }: { readonly startsInThought: boolean }) {
    this.#phase = startsInThought ? "thinking" : "before";
  }

  push(text: string): ThinkingPiece {
    this.#held += text;
    let reasoning = "";
    let answer = "";
    for (let phase: Phase | undefined; phase !== this.#phase; ) {
      phase = this.#phase;
      if (phase === "before") this.#lookForThought();
      else if (phase === "thinking") reasoning += this.#takeThought();
      else if (phase === "gap") this.#skipGap();
      else answer += this.#takeAll();
    }
    return { reasoning, answer };
  }

  /** The stream ended: what was held back belongs where the text stands. */
  flush(): ThinkingPiece {
    const rest = this.#takeAll();
    if (this.#phase === "thinking") return { reasoning: trimNewlinesEnd(rest), answer: "" };
    return { reasoning: "", answer: this.#phase === "gap" ? "" : rest };
  }

  #takeAll(): string {
    const text = this.#held;
    this.#held = "";
    return text;
  }

  #lookForThought(): void {
    const text = this.#held.trimStart();
    if (text.startsWith(OPEN)) {
      this.#held = text.slice(OPEN.length);
      this.#phase = "thinking";
    } else if (!OPEN.startsWith(text)) {
      this.#phase = "answer";
    }
  }

  #takeThought(): string {
    if (this.#isStart) {
      this.#held = trimNewlinesStart(this.#held);
      if (this.#held === "") return "";
      this.#isStart = false;
    }
    const end = this.#held.indexOf(CLOSE);
    if (end >= 0) {
      const thought = trimNewlinesEnd(this.#held.slice(0, end));
      this.#held = this.#held.slice(end + CLOSE.length);
      this.#phase = "gap";
      return thought;
    }
    // Newlines and the start of the mark may belong to the end of the thought.
    const held = trimNewlinesEnd(withoutMarkStart(this.#held)).length;
    const thought = this.#held.slice(0, held);
    this.#held = this.#held.slice(held);
    return thought;
  }

  #skipGap(): void {
    this.#held = trimNewlinesStart(this.#held);
    if (this.#held !== "") this.#phase = "answer";
  }
}

/** The text without the start of a closing mark that it may end in. */
function withoutMarkStart(text: string): string {
  for (let length = CLOSE.length - 1; length > 0; length--) {
    if (text.endsWith(CLOSE.slice(0, length))) return text.slice(0, -length);
  }
  return text;
}
