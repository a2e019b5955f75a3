import { ArgumentError } from "../base/errors.ts";

/** A value of a JSON text that is neither object nor array, and where it stands. */
export interface JsonLeaf {
  readonly path: readonly (string | number)[];
  readonly value: string | number | boolean | null;
  /** [start, end) in the text, quotes included. */
  readonly start: number;
  readonly end: number;
}

const SPACE = /[ \t\r\n]*/y;
const SCALAR = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;

/** Every leaf of a JSON text with its place. Throws ArgumentError where the text is not JSON, or ends too early. */
export function jsonLeaves(text: string): JsonLeaf[] {
  const leaves: JsonLeaf[] = [];
  let at = 0;
  const skip = (): void => {
    SPACE.lastIndex = at;
    SPACE.exec(text);
    at = SPACE.lastIndex;
  };
  const scalar = (): { value: JsonLeaf["value"]; start: number } => {
    SCALAR.lastIndex = at;
    const match = SCALAR.exec(text);
    if (match === null) throw notJson(text, at);
    const start = at;
    at = SCALAR.lastIndex;
    return { value: JSON.parse(match[0]), start };
  };
  const expect = (character: string): void => {
    skip();
    if (text[at] !== character) throw notJson(text, at);
    at++;
  };
  const members = (close: string, member: (index: number) => void): void => {
    at++;
    skip();
    for (let index = 0; text[at] !== close; index++) {
      if (index > 0) expect(",");
      skip();
      member(index);
      skip();
      if (at >= text.length) throw notJson(text, at);
    }
    at++;
  };
  const value = (path: readonly (string | number)[]): void => {
    skip();
    if (text[at] === "[") {
      members("]", (index) => value([...path, index]));
    } else if (text[at] === "{") {
      members("}", () => {
        const key = String(scalar().value);
        expect(":");
        value([...path, key]);
      });
    } else {
      const found = scalar();
      leaves.push({ path, value: found.value, start: found.start, end: at });
    }
  };
  value([]);
  return leaves;
}

function notJson(text: string, at: number): ArgumentError {
  const near = JSON.stringify(text.slice(Math.max(0, at - 20), at + 20));
  const what = at >= text.length ? "ends before it is whole" : `is not JSON at ${at}, near ${near}`;
  return new ArgumentError(`The answer ${what}.`, "Raise maxNewTokens, or ask for less at once.");
}
