import type { NodeIndex, Program, RuleIndex } from "./program.ts";
import { type CodePointRange, normalizeRanges, utf8Character } from "./utf8-ranges.ts";

// A model that may write white space without end sometimes does; this much serves one line and pretty printing.
const MAX_INDENT = 20;
const MAX_INTEGER_DIGITS = 15; // every such integer is exact in a float64
const MAX_FRACTION_DIGITS = 15;
const MAX_EXPONENT_DIGITS = 2; // keeps the value finite

const HEX = "0123456789abcdefABCDEF";
const DIGITS = "0123456789";

const PLAIN_BMP: readonly CodePointRange[] = [
  [0x20, 0x21],
  [0x23, 0x5b],
  [0x5d, 0xffff],
];
const ASTRAL: readonly CodePointRange[] = [[0x10000, 0x10ffff]];

/** Short escapes of JSON by code point. */
const SHORT_ESCAPES: ReadonlyMap<number, string> = new Map([
  [0x22, '\\"'],
  [0x5c, "\\\\"],
  [0x08, "\\b"],
  [0x0c, "\\f"],
  [0x0a, "\\n"],
  [0x0d, "\\r"],
  [0x09, "\\t"],
]);

/** The parts of JSON that every grammar shares. */
export class JsonPieces {
  readonly #program: Program;
  readonly #space: RuleIndex;
  readonly #bmpCharacter: RuleIndex;
  readonly #astralCharacter: RuleIndex;

  constructor(program: Program) {
    this.#program = program;
    this.#space = program.rule((next) => this.#spaceRule(next));
    this.#bmpCharacter = program.rule((next) => this.#bmpRule(next));
    this.#astralCharacter = program.rule((next) => utf8Character(program, ASTRAL, next));
  }

  /** Optional white space: none, one space, or a line break with an indent. */
  space(next: NodeIndex): NodeIndex {
    return this.#program.call(this.#space, next);
  }

  #spaceRule(next: NodeIndex): NodeIndex {
    const program = this.#program;
    const indent = program.repeat((then) => program.literal(" ", then), 0, MAX_INDENT, next);
    return program.split([next, program.literal(" ", next), program.literal("\n", indent)]);
  }

  #bmpRule(next: NodeIndex): NodeIndex {
    const program = this.#program;
    const hex = (count: number): NodeIndex => program.repeat((then) => program.oneOf(HEX, then), count, count, next);
    // No escaped surrogates: half a pair would be no character.
    const unicode = program.split([
      program.oneOf("0123456789abcefABCEF", hex(3)),
      program.oneOf("dD", program.oneOf("01234567", hex(2))),
    ]);
    const escaped = program.split([program.oneOf('"\\/bfnrt', next), program.literal("u", unicode)]);
    return program.split([utf8Character(program, PLAIN_BMP, next), program.literal("\\", escaped)]);
  }

  /** A string of `least` to `most` UTF-16 units; characters of two units only where both bounds leave room. */
  string(least: number, most: number | undefined, next: NodeIndex): NodeIndex {
    const program = this.#program;
    const end = program.literal('"', next);
    const bmp = (then: NodeIndex): NodeIndex => program.call(this.#bmpCharacter, then);
    const astral = (then: NodeIndex): NodeIndex => program.call(this.#astralCharacter, then);
    let node: NodeIndex;
    if (most === undefined) {
      node = program.repeat((then) => program.split([bmp(then), astral(then)]), 0, undefined, end);
    } else {
      let after = end; // two units further on
      let afterOne = end;
      node = end;
      for (let left = 1; left <= most - least; left++) {
        afterOne = node;
        node = program.split([bmp(afterOne), ...(left > 1 ? [astral(after)] : []), end]);
        after = afterOne;
      }
    }
    // Before the least length is reached every character counts once, in code points as in UTF-16 units.
    for (let i = 0; i < least; i++) node = bmp(node);
    return program.literal('"', node);
  }

  /** One character of the ranges as it stands inside a JSON string. */
  escapedCharacter(ranges: readonly CodePointRange[], next: NodeIndex): NodeIndex {
    const program = this.#program;
    const plain: CodePointRange[] = [];
    const nodes: NodeIndex[] = [];
    for (const [from, to] of normalizeRanges(ranges)) {
      let start = from;
      for (let code = from; code <= Math.min(to, 0x5c); code++) {
        if (code >= 0x20 && code !== 0x22 && code !== 0x5c) continue;
        if (start < code) plain.push([start, code - 1]);
        start = code + 1;
        nodes.push(program.literal(SHORT_ESCAPES.get(code) ?? `\\u${code.toString(16).padStart(4, "0")}`, next));
      }
      if (start <= to) plain.push([start, to]);
    }
    return program.split([...nodes, ...(plain.length > 0 ? [utf8Character(program, plain, next)] : [])]);
  }

  /** Any integer that a float64 holds exactly. */
  integer(next: NodeIndex): NodeIndex {
    const program = this.#program;
    const digits = program.repeat((then) => program.oneOf(DIGITS, then), 0, MAX_INTEGER_DIGITS - 1, next);
    const whole = program.split([program.literal("0", next), program.oneOf("123456789", digits)]);
    return program.split([whole, program.literal("-", whole)]);
  }

  /** Any number. */
  number(next: NodeIndex): NodeIndex {
    const program = this.#program;
    const digits = (most: number, then: NodeIndex): NodeIndex =>
      program.repeat((after) => program.oneOf(DIGITS, after), 1, most, then);
    const power = digits(MAX_EXPONENT_DIGITS, next);
    const exponent = program.oneOf("eE", program.split([power, program.oneOf("+-", power)]));
    const afterWhole = program.split([next, exponent]);
    return this.integer(program.split([afterWhole, this.fraction(1, MAX_FRACTION_DIGITS, afterWhole)]));
  }

  /** A point and digits. */
  fraction(least: number, most: number, next: NodeIndex): NodeIndex {
    const program = this.#program;
    return program.literal(
      ".",
      program.repeat((then) => program.oneOf(DIGITS, then), least, most, next),
    );
  }
}
