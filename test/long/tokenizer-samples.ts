import { readFileSync } from "node:fs";
import { type Random, seededRandom } from "../../src/base/random.ts";

interface Languages {
  readonly languages: Readonly<Record<string, readonly string[]>>;
}

const ODD = [
  ..." \n\t\r'\"\\/{}[]()<>|_-=+*&^%$#@!?.,:;~`",
  ..."\u0000\u0085\u00a0\u00ad\u0301\u0308\u200b\u200d\u2028\u3000\ufe0f\ufeff\uffff",
  ..."’“”…—•©½²Ⅷ٣৫ſK🎉👍🏽👩‍👧🏳️‍🌈",
];
const PHRASES = [
  "it's",
  "DON'T",
  "we'll",
  "I'd've",
  "<|im_start|>",
  "<unk>",
  "</s>",
  "<think>",
  "def f(x):\n    return x",
  "12,345.67",
];
const RANGES: readonly (readonly [number, number])[] = [
  [0x20, 0x7e],
  [0xa0, 0x24f],
  [0x300, 0x52f],
  [0x590, 0x1fff],
  [0x2000, 0x33ff],
  [0x4e00, 0x9fff],
  [0xac00, 0xd7a3],
  [0xf900, 0xfffd],
  [0x10000, 0x10ffff],
];

/** Deterministic texts: sentences of many languages cut, joined and spoilt, and random characters of every script. */
export function* tokenizerSamples(count: number, seed: number): Generator<string> {
  const file: Languages = JSON.parse(
    readFileSync(new URL("../golden/tokenizer/languages.json", import.meta.url), "utf8"),
  );
  const sentences = Object.values(file.languages).flat();
  const random = seededRandom(seed);
  for (const sentence of sentences.slice(0, count)) yield sentence;
  for (let made = sentences.length; made < count; made++) yield sample(sentences, random);
}

function sample(sentences: readonly string[], random: Random): string {
  const pick = <T>(list: readonly T[]): T => list[random.below(list.length)];
  const repeat = (most: number, make: () => string): string =>
    Array.from({ length: 1 + random.below(most) }, make).join("");
  switch (random.below(6)) {
    case 0: {
      const sentence = pick(sentences);
      const start = random.below(sentence.length);
      return sentence.slice(start, start + 1 + random.below(80)); // may cut a surrogate pair in two, on purpose
    }
    case 1:
      return repeat(8, () => `${pick(pick(sentences).split(" "))}${pick([" ", " ", "  ", "\n", ""])}`);
    case 2:
      return repeat(12, () => pick(ODD) + (random.below(3) === 0 ? pick(pick(sentences).split(" ")) : ""));
    case 3:
      return repeat(10, () => character(pick(RANGES), random));
    case 4:
      return repeat(6, () => pick(PHRASES) + pick(ODD));
    default:
      return repeat(30, () => pick([" ", "  ", "\n", "\t", "1", "23", "a", "B", "é", "你", "'s", "."]));
  }
}

function character([from, to]: readonly [number, number], random: Random): string {
  return String.fromCodePoint(from + random.below(to - from + 1));
}
