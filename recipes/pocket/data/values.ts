import { between, chance, integer, pick, type Random, textHash, weighted } from "./random.ts";
import type { Split } from "./types.ts";
import { capitalised, cities, firstNames, lastNames, phrase, states, streets, word } from "./words.ts";

/** Which split a printed value belongs to; short ones are too few to divide. See splits.json. */
export function valueSplit(text: string): Split | "any" {
  if (text.length < 4) return "any";
  const bucket = textHash(`pocket-values/${text}`) % 20;
  if (bucket < 2) return "heldOut";
  return bucket === 2 ? "validation" : "train";
}

/** Redraws until the value belongs to `split`. */
export function drawValue(random: Random, split: Split, draw: (random: Random) => string): string {
  for (let tries = 0; tries < 400; tries++) {
    const value = draw(random);
    const home = valueSplit(value);
    if (home === split || home === "any") return value;
  }
  throw new RangeError(`No value of split "${split}" in 400 draws: the generator has too few values.`);
}

const digits = "0123456789";
const upper = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const lower = upper.toLowerCase();
const marks = ".,:;-/#&+()%$@!?*'\"=_[]<>";

export function characters(random: Random, alphabet: string, count: number): string {
  let text = "";
  for (let i = 0; i < count; i++) text += alphabet[random.below(alphabet.length)];
  return text;
}

/** Fills a pattern: 9 a digit, A a capital, a a small letter, X a capital or digit; anything else stands for itself. */
export function pattern(random: Random, shape: string): string {
  const alphabets: Readonly<Record<string, string>> = { "9": digits, A: upper, a: lower, X: upper + digits };
  return [...shape].map((mark) => (mark in alphabets ? characters(random, alphabets[mark], 1) : mark)).join("");
}

export interface MoneyStyle {
  readonly prefix: string;
  readonly suffix: string;
  readonly decimal: "." | ",";
  readonly thousands: "" | "," | "." | " ";
}

export function moneyStyle(random: Random): MoneyStyle {
  const european = chance(random, 0.2);
  const sign = pick(random, ["", "", "$", "$", "£", "€", "USD ", "EUR "]);
  const trailing = european && sign !== "" && chance(random, 0.6);
  return {
    prefix: trailing ? "" : sign,
    suffix: trailing ? ` ${sign.trim()}` : "",
    decimal: european ? "," : ".",
    thousands: pick(random, european ? ["", ".", " "] : ["", ",", ","]),
  };
}

export function money(cents: number, style: MoneyStyle): string {
  const whole = Math.floor(Math.abs(cents) / 100)
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, style.thousands);
  const rest = (Math.abs(cents) % 100).toString().padStart(2, "0");
  return `${cents < 0 ? "-" : ""}${style.prefix}${whole}${style.decimal}${rest}${style.suffix}`;
}

/** Cents, spread over the orders of magnitude that prices have. */
export function cents(random: Random, low = 25, high = 500_000): number {
  const value = Math.exp(between(random, Math.log(low), Math.log(high)));
  if (chance(random, 0.25)) return Math.max(Math.round(value / 100) * 100 - pick(random, [1, 5, 1, 10]), low);
  return Math.round(value);
}

export function price(random: Random): string {
  return money(cents(random), moneyStyle(random));
}

const monthNames = [
  "January",
  "February",
  "March",
  "April",
  "May",
  "June",
  "July",
  "August",
  "September",
  "October",
  "November",
  "December",
];

export function date(random: Random): string {
  const [y, m, d] = [integer(random, 1990, 2034), integer(random, 1, 12), integer(random, 1, 28)];
  const [mm, dd] = [String(m).padStart(2, "0"), String(d).padStart(2, "0")];
  const name = monthNames[m - 1];
  const short = name.slice(0, 3);
  return pick(random, [
    `${y}-${mm}-${dd}`,
    `${dd}/${mm}/${y}`,
    `${mm}/${dd}/${y}`,
    `${dd}.${mm}.${y}`,
    `${mm}/${dd}/${String(y).slice(2)}`,
    `${d} ${name} ${y}`,
    `${name} ${d}, ${y}`,
    `${short} ${d}, ${y}`,
    `${dd}-${short}-${y}`,
    `${dd} ${short.toUpperCase()} ${y}`,
    `${dd}.${mm}.${String(y).slice(2)}`,
    `${y}/${mm}/${dd}`,
  ]);
}

export function time(random: Random): string {
  const [h, m, s] = [random.below(24), random.below(60), random.below(60)].map((v) => String(v).padStart(2, "0"));
  const half = `${(Number(h) % 12) + 1}:${m}${pick(random, [" AM", " PM", "am", "pm"])}`;
  return pick(random, [`${h}:${m}`, `${h}:${m}:${s}`, half]);
}

export function phone(random: Random): string {
  return pattern(
    random,
    pick(random, [
      "(999) 999-9999",
      "999-999-9999",
      "999.999.9999",
      "+1 999 999 9999",
      "+44 9999 999999",
      "+49 99 99999999",
      "0999 999 9999",
      "1-800-999-9999",
      "+33 9 99 99 99 99",
      "999 9999",
    ]),
  );
}

export function identifier(random: Random): string {
  return pattern(
    random,
    pick(random, [
      "A-9999",
      "AA99999",
      "99-99-9999",
      "INV-999999",
      "X9X9-XX99-9XXX",
      "#99999",
      "999999999",
      "9999999999999",
      "AA-99-AA-999",
      "No. 99999",
      "PO99999",
      "AAA9999999",
      "XXXXXXXX",
      "9999-9999-9999",
      "SN: XXXX9999XX",
      "REF 99AA9999",
      "999/9999",
      "LOT9999A",
      "GB999 9999 99",
      "**** **** **** 9999",
    ]),
  );
}

const domains = ["com", "org", "net", "io", "co.uk", "de", "shop", "info"];

export function email(random: Random): string {
  const [first, last, host] = [pick(random, firstNames), pick(random, lastNames), word(random)].map((text) =>
    text.toLowerCase().replace(/[^a-z]/g, ""),
  );
  const user = pick(random, [
    `${first}.${last}`,
    first,
    `${first[0]}${last}`,
    `${last}${random.below(100)}`,
    "info",
    "sales",
    "hello",
    "support",
  ]);
  return `${user}@${host || "mail"}.${pick(random, domains)}`;
}

export function web(random: Random): string {
  const host = word(random).replace(/[^a-z]/g, "") || "site";
  return (
    pick(random, ["www.", "https://", "", "https://www."]) +
    host +
    "." +
    pick(random, domains) +
    pick(random, ["", "", `/${word(random)}`])
  );
}

export function person(random: Random): string {
  const [first, last] = [pick(random, firstNames), pick(random, lastNames)];
  return pick(random, [
    `${first} ${last}`,
    `${first} ${last}`,
    `${first[0]}. ${last}`,
    `${last}, ${first}`,
    `${pick(random, ["Mr.", "Ms.", "Dr."])} ${first} ${last}`,
  ]);
}

export function street(random: Random): string {
  return `${integer(random, 1, 9999)} ${pick(random, streets)}`;
}

export function town(random: Random): string {
  const city = pick(random, cities);
  return pick(random, [
    `${city}, ${pick(random, states)} ${pattern(random, "99999")}`,
    `${pattern(random, "99999")} ${city}`,
    `${city} ${pattern(random, "AA9 9AA")}`,
    city,
  ]);
}

export function measure(random: Random): string {
  const amount = pick(random, [String(integer(random, 1, 999)), between(random, 0, 100).toFixed(random.below(3) + 1)]);
  return (
    amount + pick(random, ["%", " %", " kg", "kg", " g", " ml", " L", " oz", " lb", " cm", "mm", " pcs", " °C", "x"])
  );
}

/** What a single line may print, by frequency. */
export const lineKinds = {
  words: 26,
  price: 9,
  date: 7,
  time: 3,
  identifier: 8,
  phone: 5,
  email: 4,
  web: 3,
  digits: 7,
  letters: 6,
  mixed: 8,
  person: 4,
  street: 4,
  town: 3,
  measure: 4,
  labelled: 7,
  accents: 4,
} as const;

export type LineKind = keyof typeof lineKinds;

const lineValues: Readonly<Record<LineKind, (random: Random, length: number) => string>> = {
  words: (random, length) => phrase(random, length),
  accents: (random, length) => phrase(random, length, 0.8),
  price: (random) => price(random),
  date: (random) => date(random),
  time: (random) => time(random),
  identifier: (random) => identifier(random),
  phone: (random) => phone(random),
  email: (random) => email(random),
  web: (random) => web(random),
  digits: (random, length) => characters(random, digits, length),
  letters: (random, length) => characters(random, pick(random, [upper, lower, upper + lower]), Math.min(length, 20)),
  mixed: (random, length) =>
    characters(
      random,
      pick(random, [upper + digits, upper + lower + digits, upper + lower + digits + marks]),
      Math.min(length, 24),
    ),
  person: (random) => person(random),
  street: (random) => street(random),
  town: (random) => town(random),
  measure: (random) => measure(random),
  labelled: (random) =>
    `${capitalised(word(random))}${pick(random, [": ", " ", ":  "])}${pick(random, [price, date, identifier, measure])(random)}`.replace(
      / {2,}/g,
      " ",
    ),
};

export interface LineOptions {
  /** Fewest and most characters. */
  readonly low: number;
  readonly high: number;
  readonly split: Split;
  readonly kinds?: Readonly<Partial<Record<LineKind, number>>>;
}

/** Text for one printed line of `low` to `high` characters: words, prices, dates, numbers, addresses, random strings. */
export function lineText(random: Random, options: LineOptions): string {
  const { low, high, split, kinds = lineKinds } = options;
  for (let tries = 0; tries < 200; tries++) {
    const length = integer(random, low, high);
    const kind = weighted<LineKind>(random, kinds);
    const text = fit(lineValues[kind](random, length), high);
    const home = valueSplit(text);
    if (text.length >= low && (home === split || home === "any")) return text;
  }
  return characters(random, digits, low);
}

/** Cuts a longer text at a word end where there is one. */
function fit(text: string, high: number): string {
  if (text.length <= high) return text;
  const cut = text.slice(0, high);
  const space = cut.lastIndexOf(" ");
  return (space > high / 2 ? cut.slice(0, space) : cut).trim();
}
