import { SchemaUnsatisfiableError } from "./errors.ts";
import type { JsonPieces } from "./json-pieces.ts";
import type { NodeIndex, Program } from "./program.ts";

/** Bounds of a number; an absent side is open. */
export interface NumberBounds {
  readonly least: number | undefined;
  readonly most: number | undefined;
  readonly isLeastExcluded: boolean;
  readonly isMostExcluded: boolean;
}

const LIMIT = 10 ** 15 - 1; // 15 digits are exact
const MAX_DECIMALS = 6;
const FREE_FRACTION_DIGITS = 6;

/** An integer within bounds. Throws SchemaUnsatisfiableError. */
export function boundedInteger(program: Program, bounds: NumberBounds, place: string, next: NodeIndex): NodeIndex {
  const least = Math.max(-LIMIT, integerBound(bounds.least, bounds.isLeastExcluded, Math.ceil, 1));
  const most = Math.min(LIMIT, integerBound(bounds.most, bounds.isMostExcluded, Math.floor, -1));
  if (least > most) throw new SchemaUnsatisfiableError(place, "no integer lies between its bounds");
  return program.split(signedRange(program, least, most, next));
}

function integerBound(
  bound: number | undefined,
  isExcluded: boolean,
  round: (x: number) => number,
  step: number,
): number {
  if (bound === undefined) return step > 0 ? -LIMIT : LIMIT;
  const rounded = round(bound);
  return isExcluded && rounded === bound ? rounded + step : rounded;
}

/**
 * A number within bounds, without exponent: whole parts that leave the fraction free, and numbers with as many decimals
 * as the bounds have and two more. Some numbers close to a bound cannot be written; none outside can.
 */
export function boundedNumber(
  program: Program,
  pieces: JsonPieces,
  bounds: NumberBounds,
  place: string,
  next: NodeIndex,
): NodeIndex {
  const decimals = Math.min(MAX_DECIMALS, Math.max(decimalsOf(bounds.least), decimalsOf(bounds.most)) + 2);
  const scale = 10 ** decimals;
  const cap = Math.floor(LIMIT / scale);
  const least = Math.max(-cap, bounds.least ?? -cap);
  const most = Math.min(cap, bounds.most ?? cap);
  const from = integerBound(least * scale, bounds.isLeastExcluded && least === bounds.least, ceilAlmost, 1);
  const to = integerBound(most * scale, bounds.isMostExcluded && most === bounds.most, floorAlmost, -1);
  if (from > to) throw new SchemaUnsatisfiableError(place, "no number lies between its bounds");
  const nodes: NodeIndex[] = [];
  const free = program.split([next, pieces.fraction(1, FREE_FRACTION_DIGITS, next)]);
  // [k, k + 1) lies inside the bounds on the positive side, (−k − 1, −k] on the negative one
  nodes.push(...wholeParts(program, Math.ceil(from / scale), Math.floor(to / scale) - 1, "", free));
  nodes.push(...wholeParts(program, Math.ceil(-to / scale), Math.floor(-from / scale) - 1, "-", free));
  nodes.push(...signedRange(program, Math.ceil(from / scale), Math.floor(to / scale), next));
  nodes.push(...scaledRange(program, Math.max(0, from), to, decimals, "", next));
  nodes.push(...scaledRange(program, Math.max(1, -to), -from, decimals, "-", next));
  return program.split(nodes);
}

// Bounds such as 0.1 are no whole multiples of 10⁻ⁿ in binary: a hair's breadth must not cost a step.
function ceilAlmost(x: number): number {
  return Math.abs(x - Math.round(x)) < 1e-6 ? Math.round(x) : Math.ceil(x);
}

function floorAlmost(x: number): number {
  return Math.abs(x - Math.round(x)) < 1e-6 ? Math.round(x) : Math.floor(x);
}

function decimalsOf(bound: number | undefined): number {
  return bound === undefined ? 0 : (/\.(\d+)$/.exec(String(bound))?.[1].length ?? 0);
}

function wholeParts(program: Program, from: number, to: number, sign: string, next: NodeIndex): NodeIndex[] {
  const start = Math.max(0, from);
  return start > to ? [] : naturalRange(program, start, to, next).map((node) => program.literal(sign, node));
}

function scaledRange(
  program: Program,
  from: number,
  to: number,
  decimals: number,
  sign: string,
  next: NodeIndex,
): NodeIndex[] {
  if (from > to) return [];
  const scale = 10 ** decimals;
  const nodes: NodeIndex[] = [];
  const part = (whole: number, first: number, last: number): void => {
    const fraction = digitRange(program, pad(first, decimals), pad(last, decimals), next);
    nodes.push(program.literal(`${sign}${whole}.`, program.split(fraction)));
  };
  const firstWhole = Math.floor(from / scale);
  const lastWhole = Math.floor(to / scale);
  if (firstWhole === lastWhole) {
    part(firstWhole, from % scale, to % scale);
    return nodes;
  }
  part(firstWhole, from % scale, scale - 1);
  part(lastWhole, 0, to % scale);
  return nodes;
}

function signedRange(program: Program, from: number, to: number, next: NodeIndex): NodeIndex[] {
  const nodes: NodeIndex[] = [];
  if (to >= 0) nodes.push(...naturalRange(program, Math.max(0, from), to, next));
  if (from < 0) {
    const negative = naturalRange(program, Math.max(1, -to), -from, next);
    nodes.push(...negative.map((node) => program.literal("-", node)));
  }
  return nodes;
}

/** Natural numbers from `from` to `to` without leading zeros. */
function naturalRange(program: Program, from: number, to: number, next: NodeIndex): NodeIndex[] {
  const nodes: NodeIndex[] = [];
  for (let start = from; start <= to; ) {
    const length = String(start).length;
    const end = Math.min(to, 10 ** length - 1);
    nodes.push(...digitRange(program, String(start), String(end), next));
    start = end + 1;
  }
  return nodes;
}

/** Digit strings of one length between two others. */
function digitRange(program: Program, from: string, to: string, next: NodeIndex): NodeIndex[] {
  if (from === "") return [next];
  const digits = (first: number, last: number): string => "0123456789".slice(first, last + 1);
  const rest = from.length - 1;
  const any = (then: NodeIndex): NodeIndex =>
    program.repeat((after) => program.oneOf(digits(0, 9), after), rest, rest, then);
  // A full range needs no cases; without this the two halves of each cut would double with every digit.
  if (/^0*$/.test(from) && /^9*$/.test(to)) return [program.oneOf(digits(0, 9), any(next))];
  const low = Number(from[0]);
  const high = Number(to[0]);
  if (low === high) {
    return [program.oneOf(from[0], program.split(digitRange(program, from.slice(1), to.slice(1), next)))];
  }
  const nodes: NodeIndex[] = [];
  const nines = "9".repeat(rest);
  const zeros = "0".repeat(rest);
  nodes.push(program.oneOf(from[0], program.split(digitRange(program, from.slice(1), nines, next))));
  if (high - low > 1) nodes.push(program.oneOf(digits(low + 1, high - 1), any(next)));
  nodes.push(program.oneOf(to[0], program.split(digitRange(program, zeros, to.slice(1), next))));
  return nodes;
}

function pad(value: number, length: number): string {
  return String(value).padStart(length, "0");
}
