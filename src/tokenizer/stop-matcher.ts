import { ArgumentError } from "../base/errors.ts";

/** Text that is safe to show, and the stop string that ended the stream. */
export interface StopResult {
  readonly text: string;
  readonly stop: string | undefined;
}

/**
 * Watches streamed text for stop strings. Text that may turn out to be the start of one is held back. The string that
 * is complete first wins, the longest if several end together; how the text was cut into pieces makes no difference.
 */
export class StopMatcher {
  readonly #stops: readonly string[];
  #held = "";
  #found: string | undefined;

  /** Throws ArgumentError for an empty stop string: it would end every answer at once. */
  constructor(stops: readonly string[]) {
    if (stops.includes("")) throw new ArgumentError("A stop string is empty.", "Leave it out or name a text.");
    this.#stops = [...stops].sort((a, b) => b.length - a.length);
  }

  /** After a stop string was found, further text is dropped. */
  push(text: string): StopResult {
    if (this.#found !== undefined) return { text: "", stop: this.#found };
    const all = this.#held + text;
    const end = this.#firstEnd(all);
    if (end !== undefined) {
      this.#found = this.#stops.find((stop) => all.slice(0, end).endsWith(stop));
      this.#held = "";
      return { text: all.slice(0, end - (this.#found?.length ?? 0)), stop: this.#found };
    }
    const safe = all.length - this.#heldLength(all);
    this.#held = all.slice(safe);
    return { text: all.slice(0, safe), stop: undefined };
  }

  /** The stream ended: gives out what was held back. */
  flush(): string {
    const text = this.#held;
    this.#held = "";
    return text;
  }

  #firstEnd(text: string): number | undefined {
    const ends = this.#stops.flatMap((stop) => {
      const start = text.indexOf(stop);
      return start < 0 ? [] : [start + stop.length];
    });
    return ends.length === 0 ? undefined : Math.min(...ends);
  }

  /** Length of the longest end of `text` that begins a stop string. */
  #heldLength(text: string): number {
    let longest = 0;
    for (const stop of this.#stops) {
      for (let length = Math.min(stop.length - 1, text.length); length > longest; length--) {
        if (text.endsWith(stop.slice(0, length))) longest = length;
      }
    }
    return longest;
  }
}
