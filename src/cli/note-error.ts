import type { MiniCpmError } from "../base/errors.ts";
import type { Terminal } from "./terminal.ts";

/** What went wrong, and below it what to do. */
export function noteError(error: MiniCpmError, terminal: Terminal): void {
  const what = error.message.slice(0, error.message.length - error.hint.length).trim();
  terminal.note(`${terminal.paint("red", "Error:")} ${what}`);
  terminal.note(error.hint);
}
