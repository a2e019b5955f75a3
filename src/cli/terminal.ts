import type { ProgressStage } from "../chat/answer.ts";

/** Where a command writes, and what it may assume of it. */
export interface Terminal {
  /** Results; nothing else, so that they can be piped. */
  out(text: string): void;
  /** Everything that is not the result. */
  note(text: string): void;
  /** Like `note`, without a line's end. */
  aside(text: string): void;
  /** One line on stderr that is written over; nothing where stderr is no terminal. */
  progress(text: string): void;
  clearProgress(): void;
  paint(style: Style, text: string): string;
  /** Text of a model as it may be shown: a pipe gets it unchanged. */
  safe(text: string): string;
  readonly isInteractive: boolean;
  /** True where stdout is a terminal whose cursor can be moved. */
  readonly isLive: boolean;
  readonly columns: number;
}

export type Style = "bold" | "dim" | "red" | "green" | "yellow" | "cyan";

const CODES: Readonly<Record<Style, number>> = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, cyan: 36 };
/** Shorter work needs no progress line. */
const PROGRESS_AFTER_MS = 1000;
const PROGRESS_GAP_MS = 100;

/** The process's own terminal. Colours follow NO_COLOR and FORCE_COLOR (no-color.org). */
export function processTerminal(): Terminal {
  const { stdout, stderr, env } = process;
  const hasColour = Boolean(env.FORCE_COLOR) || (!env.NO_COLOR && stderr.isTTY === true && env.TERM !== "dumb");
  const isInteractive = stderr.isTTY === true;
  const startedMs = performance.now();
  let shown = false;
  let lastMs = 0;
  const clearProgress = (): void => {
    if (shown) stderr.write("\r\u001b[2K");
    shown = false;
  };
  return {
    out: (text) => {
      clearProgress();
      stdout.write(text);
    },
    note: (text) => {
      clearProgress();
      stderr.write(`${text}\n`);
    },
    aside: (text) => {
      clearProgress();
      stderr.write(text);
    },
    progress: (text) => {
      const nowMs = performance.now();
      if (!isInteractive || nowMs - startedMs < PROGRESS_AFTER_MS || nowMs - lastMs < PROGRESS_GAP_MS) return;
      lastMs = nowMs;
      stderr.write(`\r\u001b[2K${text.slice(0, (stderr.columns ?? 80) - 1)}`);
      shown = true;
    },
    clearProgress,
    paint: (style, text) => (hasColour ? `\u001b[${CODES[style]}m${text}\u001b[0m` : text),
    safe: (text) => (stdout.isTTY === true ? printable(text) : text),
    isInteractive,
    isLive: stdout.isTTY === true && env.TERM !== "dumb",
    // read anew, since windows change their size
    get columns() {
      return stdout.columns ?? 80;
    },
  };
}

/** A model may write anything, and control characters would move the reader's cursor or retitle the window. */
function printable(text: string): string {
  return Array.from(text, (character) => {
    const code = character.codePointAt(0) ?? 0;
    const isControl = (code < 32 && character !== "\n" && character !== "\t") || (code >= 127 && code < 160);
    return isControl ? "\ufffd" : character;
  }).join("");
}

const STAGE_NAMES: Readonly<Record<ProgressStage, string>> = {
  views: "Looking at view",
  prompt: "Reading token",
};

/** "Looking at view 3 of 10". */
export function stageText(stage: ProgressStage, done: number, total: number): string {
  return `${STAGE_NAMES[stage]} ${done} of ${total}`;
}
