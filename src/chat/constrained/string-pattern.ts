import { SchemaUnsupportedError } from "./errors.ts";
import type { JsonPieces } from "./json-pieces.ts";
import type { NodeIndex, Program } from "./program.ts";
import { type CodePointRange, complement } from "./utf8-ranges.ts";

const MAX_REPEAT = 1000;
const MAX_GROUP_DEPTH = 50;
const DIGIT: readonly CodePointRange[] = [[0x30, 0x39]];
const WORD: readonly CodePointRange[] = [
  [0x30, 0x39],
  [0x41, 0x5a],
  [0x5f, 0x5f],
  [0x61, 0x7a],
];
const SPACE: readonly CodePointRange[] = [
  [0x09, 0x0d],
  [0x20, 0x20],
  [0xa0, 0xa0],
  [0x1680, 0x1680],
  [0x2000, 0x200a],
  [0x2028, 0x2029],
  [0x202f, 0x202f],
  [0x205f, 0x205f],
  [0x3000, 0x3000],
  [0xfeff, 0xfeff],
];
const LINE_END: readonly CodePointRange[] = [
  [0x0a, 0x0a],
  [0x0d, 0x0d],
  [0x2028, 0x2029],
];
const ANY: readonly CodePointRange[] = [[0, 0x10ffff]];
const CLASSES: ReadonlyMap<string, readonly CodePointRange[]> = new Map([
  ["d", DIGIT],
  ["D", complement(DIGIT)],
  ["w", WORD],
  ["W", complement(WORD)],
  ["s", SPACE],
  ["S", complement(SPACE)],
]);
const CONTROLS: ReadonlyMap<string, number> = new Map([
  ["n", 10],
  ["r", 13],
  ["t", 9],
  ["f", 12],
  ["v", 11],
  ["0", 0],
]);

/** Builds what matches, before a following node. */
type Fragment = (next: NodeIndex) => NodeIndex;

/**
 * A JSON string whose value matches a `pattern`: literals, classes, groups, alternatives, quantifiers and anchors at the
 * two ends. Throws SchemaUnsupportedError for anything else.
 */
export function patternString(
  program: Program,
  pieces: JsonPieces,
  pattern: string,
  place: string,
  next: NodeIndex,
): NodeIndex {
  const fragment = new PatternParser(program, pieces, pattern, place).parse();
  return program.literal('"', fragment(program.literal('"', next)));
}

class PatternParser {
  readonly #program: Program;
  readonly #pieces: JsonPieces;
  readonly #characters: readonly string[];
  readonly #place: string;
  #at = 0;
  #depth = 0;

  constructor(program: Program, pieces: JsonPieces, pattern: string, place: string) {
    this.#program = program;
    this.#pieces = pieces;
    this.#characters = Array.from(pattern);
    this.#place = place;
  }

  /** A pattern may match anywhere in the value, so an end without an anchor is open. */
  parse(): Fragment {
    const body = this.#alternatives((first, last) => {
      const anything: Fragment = (next) =>
        this.#program.repeat((then) => this.#pieces.escapedCharacter(ANY, then), 0, undefined, next);
      return [first ? undefined : anything, last ? undefined : anything];
    });
    if (this.#at < this.#characters.length) this.#refuse("an unmatched parenthesis");
    return body;
  }

  #refuse(what: string): never {
    throw new SchemaUnsupportedError(
      this.#place,
      "pattern",
      `has ${what} at character ${this.#at}, which is not supported`,
    );
  }

  #peek(): string | undefined {
    return this.#characters[this.#at];
  }

  #take(): string {
    return this.#characters[this.#at++] ?? this.#refuse("an early end");
  }

  #eat(character: string): boolean {
    if (this.#peek() !== character) return false;
    this.#at++;
    return true;
  }

  /** `pad` says what stands before and after a branch, given whether it has anchors: only at the top level. */
  #alternatives(pad?: (isStart: boolean, isEnd: boolean) => (Fragment | undefined)[]): Fragment {
    const branches: Fragment[] = [];
    do {
      const isStart = pad !== undefined && this.#eat("^");
      const branch = this.#sequence();
      const isEnd = pad !== undefined && this.#eat("$");
      const [before, after] = pad?.(isStart, isEnd) ?? [];
      branches.push((next) => {
        const body = branch(after === undefined ? next : after(next));
        return before === undefined ? body : before(body);
      });
    } while (this.#eat("|"));
    return (next) => this.#program.split(branches.map((branch) => branch(next)));
  }

  #sequence(): Fragment {
    const items: Fragment[] = [];
    for (let next = this.#peek(); next !== undefined && !"|)$".includes(next); next = this.#peek()) {
      items.push(this.#quantified(this.#atom()));
    }
    return (next) => items.reduceRight((node, item) => item(node), next);
  }

  #quantified(atom: Fragment): Fragment {
    const [least, most] = this.#bounds();
    if (least === 1 && most === 1) return atom;
    this.#eat("?"); // lazy or greedy, the same strings match
    if (Math.max(least, most ?? 0) > MAX_REPEAT) this.#refuse(`more than ${MAX_REPEAT} repetitions`);
    return (next) => this.#program.repeat(atom, least, most, next);
  }

  #bounds(): readonly [number, number | undefined] {
    if (this.#eat("*")) return [0, undefined];
    if (this.#eat("+")) return [1, undefined];
    if (this.#eat("?")) return [0, 1];
    if (!this.#eat("{")) return [1, 1];
    let text = "";
    while (this.#peek() !== "}") text += this.#take();
    this.#at++;
    const match = /^(\d{1,6})(,(\d{1,6})?)?$/.exec(text) ?? this.#refuse("a brace that is no quantifier");
    const least = Number(match[1]);
    const most = match[2] === undefined ? least : match[3] === undefined ? undefined : Number(match[3]);
    if (most !== undefined && most < least) this.#refuse("a quantifier whose end lies before its start");
    return [least, most];
  }

  #atom(): Fragment {
    const character = this.#take();
    switch (character) {
      case "(":
        return this.#group();
      case "[":
        return this.#characterOf(this.#characterClass());
      case ".":
        return this.#characterOf(complement(LINE_END));
      case "\\":
        return this.#characterOf(this.#escape());
      case "^":
      case "*":
      case "+":
      case "?":
      case "{":
        return this.#refuse(`${JSON.stringify(character)} in this place`);
      default:
        return this.#characterOf(single(character));
    }
  }

  #characterOf(ranges: readonly CodePointRange[]): Fragment {
    return (next) => this.#pieces.escapedCharacter(ranges, next);
  }

  #group(): Fragment {
    if (this.#eat("?") && !this.#eat(":")) this.#refuse("a look-around or a named group");
    if (++this.#depth > MAX_GROUP_DEPTH) this.#refuse("too deeply nested groups");
    const body = this.#alternatives();
    if (!this.#eat(")")) this.#refuse("a group without end, or an anchor inside a group");
    this.#depth--;
    return body;
  }

  #escape(): readonly CodePointRange[] {
    const character = this.#take();
    const known = CLASSES.get(character);
    if (known !== undefined) return known;
    const control = CONTROLS.get(character);
    if (control !== undefined) return [[control, control]];
    if (character === "x") return this.#hex(2);
    if (character === "u" && this.#peek() !== "{") return this.#hex(4);
    if (/[A-Za-z0-9]/.test(character)) this.#refuse(`the escape \\${character}`);
    return single(character);
  }

  #hex(length: number): readonly CodePointRange[] {
    let text = "";
    for (let i = 0; i < length; i++) text += this.#take();
    if (!/^[0-9a-fA-F]+$/.test(text)) this.#refuse("a malformed escape");
    const code = Number.parseInt(text, 16);
    return [[code, code]];
  }

  #characterClass(): readonly CodePointRange[] {
    const isNegated = this.#eat("^");
    const ranges: CodePointRange[] = [];
    while (!this.#eat("]")) {
      const from = this.#classItem();
      const isRange = this.#peek() === "-" && this.#characters[this.#at + 1] !== "]";
      if (!isRange) {
        ranges.push(...from);
        continue;
      }
      this.#at++;
      const to = this.#classItem();
      const isSingle = from.length === 1 && to.length === 1 && from[0][0] === from[0][1] && to[0][0] === to[0][1];
      if (!isSingle || from[0][0] > to[0][0]) this.#refuse("a malformed range");
      ranges.push([from[0][0], to[0][0]]);
    }
    return isNegated ? complement(ranges) : ranges;
  }

  #classItem(): readonly CodePointRange[] {
    const character = this.#take();
    if (character !== "\\") return single(character);
    if (this.#eat("b")) return [[8, 8]];
    return this.#escape();
  }
}

function single(character: string): readonly CodePointRange[] {
  const code = character.codePointAt(0) ?? 0;
  return [[code, code]];
}
