import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { processTerminal } from "./terminal.ts";

const streams = [process.stdout, process.stderr];
const before = streams.map((stream) => Object.getOwnPropertyDescriptor(stream, "isTTY"));

function pretendTerminal(isTTY: boolean): void {
  for (const stream of streams) Object.defineProperty(stream, "isTTY", { value: isTTY, configurable: true });
}

beforeEach(() => {
  for (const name of ["NO_COLOR", "FORCE_COLOR"]) vi.stubEnv(name, undefined);
  vi.stubEnv("TERM", "xterm-256color");
});

afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
  streams.forEach((stream, i) => {
    const own = before[i];
    if (own === undefined) Reflect.deleteProperty(stream, "isTTY");
    else Object.defineProperty(stream, "isTTY", own);
  });
});

// bugs: colours although they were asked away, an empty NO_COLOR taken for a wish (no-color.org), escapes in a log file
test.each([
  [true, {}, true],
  [true, { NO_COLOR: "1" }, false],
  [true, { NO_COLOR: "" }, true],
  [true, { TERM: "dumb" }, false],
  [false, {}, false],
  [false, { FORCE_COLOR: "1" }, true],
] as const)("with a terminal %j and %j colours are %j", (isTTY, env, hasColour) => {
  pretendTerminal(isTTY);
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
  expect(processTerminal().paint("red", "Error:") !== "Error:").toBe(hasColour);
});

// bug: a model's answer that moves the cursor or renames the window; a pipe that gets other bytes than the model wrote
test("control characters of a model reach a pipe and no terminal", () => {
  const text = "a\u001b]0;gone\u0007\nb\tc\u009b31m";
  pretendTerminal(true);
  expect(processTerminal().safe(text)).toBe("a\ufffd]0;gone\ufffd\nb\tc\ufffd31m");
  pretendTerminal(false);
  expect(processTerminal().safe(text)).toBe(text);
});

// bugs: a line that flashes at short work, or that is left standing before the result
test("progress comes after a second, and is wiped before a note", () => {
  pretendTerminal(true);
  let nowMs = 0;
  vi.spyOn(performance, "now").mockImplementation(() => nowMs);
  const written: string[] = [];
  vi.spyOn(process.stderr, "write").mockImplementation((text) => written.push(String(text)) > 0);
  const terminal = processTerminal();
  terminal.progress("early");
  nowMs = 1500;
  terminal.progress("Reading token 5 of 9");
  terminal.note("Done.");
  expect(written).toEqual(["\r\u001b[2KReading token 5 of 9", "\r\u001b[2K", "Done.\n"]);
});
