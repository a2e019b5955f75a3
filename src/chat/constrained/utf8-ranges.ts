import { byteRange } from "./byte-set.ts";
import type { NodeIndex, Program } from "./program.ts";

/** Code points from first to last, both included. */
export type CodePointRange = readonly [number, number];

// Last code point of each UTF-8 length; the surrogates are no characters.
const LENGTH_ENDS = [0x7f, 0x7ff, 0xffff, 0x10ffff];
const SURROGATES: CodePointRange = [0xd800, 0xdfff];

/** The ranges sorted, joined and without surrogates. */
export function normalizeRanges(ranges: readonly CodePointRange[]): CodePointRange[] {
  const sorted = ranges.flatMap(withoutSurrogates).sort((a, b) => a[0] - b[0]);
  const joined: [number, number][] = [];
  for (const [from, to] of sorted) {
    const last = joined.at(-1);
    if (last !== undefined && from <= last[1] + 1) last[1] = Math.max(last[1], to);
    else joined.push([from, to]);
  }
  return joined;
}

function withoutSurrogates([from, to]: CodePointRange): CodePointRange[] {
  const parts: CodePointRange[] = [
    [from, Math.min(to, SURROGATES[0] - 1)],
    [Math.max(from, SURROGATES[1] + 1), to],
  ];
  return parts.filter(([first, last]) => first <= last);
}

/** Every character outside the ranges. */
export function complement(ranges: readonly CodePointRange[]): CodePointRange[] {
  const out: CodePointRange[] = [];
  let start = 0;
  for (const [from, to] of normalizeRanges(ranges)) {
    if (from > start) out.push([start, from - 1]);
    start = to + 1;
  }
  if (start <= 0x10ffff) out.push([start, 0x10ffff]);
  return normalizeRanges(out);
}

/** One character of the ranges, as UTF-8. */
export function utf8Character(program: Program, ranges: readonly CodePointRange[], next: NodeIndex): NodeIndex {
  return program.split(normalizeRanges(ranges).flatMap((range) => sequences(program, range, next)));
}

function sequences(program: Program, [from, to]: CodePointRange, next: NodeIndex): NodeIndex[] {
  let start = from;
  const nodes: NodeIndex[] = [];
  LENGTH_ENDS.forEach((end, index) => {
    if (start > end || start > to) return;
    nodes.push(...tails(program, start, Math.min(end, to), index, next));
    start = Math.min(end, to) + 1;
  });
  return nodes;
}

/** A range of one UTF-8 length as chains of byte ranges: cut until all bytes but one run over their whole range. */
function tails(program: Program, from: number, to: number, continuationCount: number, next: NodeIndex): NodeIndex[] {
  if (continuationCount === 0) return [program.bytes(byteRange(from, to), next)];
  for (let level = 1; level <= continuationCount; level++) {
    const mask = 2 ** (6 * level) - 1;
    if ((from & ~mask) === (to & ~mask)) continue;
    if ((from & mask) !== 0) {
      const cut = from | mask;
      return [
        ...tails(program, from, cut, continuationCount, next),
        ...tails(program, cut + 1, to, continuationCount, next),
      ];
    }
    if ((to & mask) !== mask) {
      const cut = (to & ~mask) - 1;
      return [
        ...tails(program, from, cut, continuationCount, next),
        ...tails(program, cut + 1, to, continuationCount, next),
      ];
    }
  }
  const first = encode(from, continuationCount);
  const last = encode(to, continuationCount);
  let node = next;
  for (let i = continuationCount; i >= 0; i--) node = program.bytes(byteRange(first[i], last[i]), node);
  return [node];
}

function encode(codePoint: number, continuationCount: number): number[] {
  const bytes: number[] = [];
  let rest = codePoint;
  for (let i = 0; i < continuationCount; i++) {
    bytes.unshift(0x80 | (rest & 0x3f));
    rest >>= 6;
  }
  const lead = [0, 0xc0, 0xe0, 0xf0][continuationCount];
  return [lead | rest, ...bytes];
}
