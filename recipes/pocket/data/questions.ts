import {
  boxOfPhrasings,
  fieldPhrasings,
  firstLinePhrasings,
  itemNamesPhrasings,
  itemPricePhrasings,
  itemQuantityPhrasings,
  itemsPhrasings,
  labelPhrasings,
  lastLinePhrasings,
  NOT_SHOWN,
  nthLinePhrasings,
  nthNamePhrasings,
  nthPricePhrasings,
  outOfScopePhrasings,
  REFUSAL,
  readPhrasings,
  textInPhrasings,
} from "./phrasings.ts";
import { chance, integer, pick, type Random, weighted, weightedItem } from "./random.ts";
import { itemName } from "./receipt-data.ts";
import { readLines } from "./scene.ts";
import type { Box, Field, Kind, Line, Pixels, Turn } from "./types.ts";

export interface Asked {
  readonly kind: Kind;
  readonly lines: readonly Line[];
  readonly fields: readonly Field[];
  readonly image: Pixels;
}

/** Share of questions whose answer is not in the picture. */
export const UNANSWERABLE = 0.15;
const OUT_OF_SCOPE = 0.02;

/** The model family's box form: corners in thousandths of width and height. */
export function boxText(box: Box, image: { readonly width: number; readonly height: number }): string {
  const scale = (value: number, size: number): number => Math.min(1000, Math.max(0, Math.round((value / size) * 1000)));
  return `<box>${scale(box.x0, image.width)} ${scale(box.y0, image.height)} ${scale(box.x1, image.width)} ${scale(box.y1, image.height)}</box>`;
}

/** A value with the place it was read from. */
function located(
  question: string,
  field: { readonly text: string; readonly box: Box },
  image: Pixels,
  task: string,
): Turn {
  return { question, answer: `${field.text}${boxText(field.box, image)}`, boxes: [field.box], task };
}

function fill(phrasing: string, values: Readonly<Record<string, string>>): string {
  return phrasing.replace(/\{(\w+)\}/g, (whole, key: string) => values[key] ?? whole);
}

const ordinals = ["first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth"];

function nth(random: Random, index: number): Readonly<Record<string, string>> {
  const n = index + 1;
  const ending = n % 100 > 10 && n % 100 < 14 ? "th" : (["th", "st", "nd", "rd"][n % 10] ?? "th");
  return { n: String(n), nth: index < ordinals.length && chance(random, 0.5) ? ordinals[index] : `${n}${ending}` };
}

type Asker = (random: Random, scene: Asked) => Turn | undefined;

const readAll: Asker = (random, scene) => ({
  question: pick(random, readPhrasings),
  ...readLines(scene.lines),
});

/** Values people ask for most. */
const askedOften: Readonly<Record<string, number>> = {
  total: 6,
  date: 3,
  merchant: 3,
  subtotal: 2,
  tax: 2,
  number: 1.5,
  dueDate: 1.5,
};

const namedField: Asker = (random, scene) => {
  const named = scene.fields.filter((field) => field.key in fieldPhrasings);
  if (named.length === 0) return undefined;
  const field = weightedItem(random, named, ({ key }) => askedOften[key] ?? 1);
  return located(pick(random, fieldPhrasings[field.key]), field, scene.image, field.key);
};

function labelQuestion(random: Random, label: string): string {
  return fill(pick(random, labelPhrasings), { label, lower: label.toLowerCase() });
}

/** A form's value by the label printed beside it. */
const labelledField: Asker = (random, scene) => {
  const list = scene.fields.filter((field) => field.key.startsWith("label:"));
  if (list.length === 0) return undefined;
  const field = pick(random, list);
  return located(labelQuestion(random, field.key.slice(6)), field, scene.image, "label");
};

/** Items as rows of their parts, in printed order. */
function itemsOf({ fields }: Asked): Record<string, Field>[] {
  const items: Record<string, Field>[] = [];
  for (const field of fields) {
    const match = /^item\.(\d+)\.(\w+)$/.exec(field.key);
    if (match === null) continue;
    items[Number(match[1])] = { ...items[Number(match[1])], [match[2]]: field };
  }
  return items.filter((item) => item !== undefined);
}

const oneItem: Asker = (random, scene) => {
  const items = itemsOf(scene);
  if (items.length === 0) return undefined;
  const index = random.below(items.length);
  const item = items[index];
  const values = { name: item.name.text, ...nth(random, index) };
  const kind = weighted(random, { price: 4, nthPrice: 2, nthName: 2, quantity: item.qty === undefined ? 0 : 1 });
  if (kind === "nthName")
    return located(fill(pick(random, nthNamePhrasings), values), item.name, scene.image, "item-name");
  if (kind === "quantity")
    return located(fill(pick(random, itemQuantityPhrasings), values), item.qty, scene.image, "item-quantity");
  const phrasings = kind === "price" ? itemPricePhrasings : nthPricePhrasings;
  return located(fill(pick(random, phrasings), values), item.price, scene.image, "item-price");
};

const itemList: Asker = (random, scene) => {
  const items = itemsOf(scene);
  if (items.length === 0 || items.length > 16) return undefined;
  if (chance(random, 0.25))
    return {
      question: pick(random, itemNamesPhrasings),
      answer: items.map((item) => item.name.text).join("\n"),
      task: "item-names",
    };
  const rows = items.map((item) => ({
    name: item.name.text,
    ...(item.qty && { qty: item.qty.text }),
    price: item.price.text,
  }));
  return { question: pick(random, itemsPhrasings), answer: JSON.stringify(rows), task: "items-json" };
};

const placeOfText: Asker = (random, scene) => {
  // Only a text printed once has one true place.
  const once = scene.lines.filter((line) =>
    scene.lines.every((other) => other === line || !other.text.includes(line.text)),
  );
  if (once.length === 0) return undefined;
  const line = pick(random, once);
  return {
    question: fill(pick(random, boxOfPhrasings), { text: line.text }),
    answer: boxText(line.box, scene.image),
    boxes: [line.box],
    task: "locate",
  };
};

const textInPlace: Asker = (random, scene) => {
  if (scene.lines.length === 0) return undefined;
  const piece = scene.fields.length > 0 && chance(random, 0.5) ? pick(random, scene.fields) : pick(random, scene.lines);
  return {
    question: fill(pick(random, textInPhrasings), { box: boxText(piece.box, scene.image) }),
    answer: piece.text,
    task: "read-box",
  };
};

const oneLine: Asker = (random, scene) => {
  const { lines, image } = scene;
  if (lines.length < 2) return undefined;
  const index = random.below(lines.length);
  if (index === 0) return located(pick(random, firstLinePhrasings), lines[0], image, "line");
  if (index === lines.length - 1) return located(pick(random, lastLinePhrasings), lines[index], image, "line");
  return located(fill(pick(random, nthLinePhrasings), nth(random, index)), lines[index], image, "line");
};

const moneyKeys = new Set(["subtotal", "discount", "tax", "tip", "total", "paid", "change", "price"]);

/** Whether a reader could take something in the picture for this value; then "not shown" would be a lie. */
function plausible(key: string, { fields, lines, kind }: Asked): boolean {
  const has = (...keys: string[]): boolean => fields.some((field) => keys.includes(field.key));
  const text = lines.map((line) => line.text).join(" ");
  if (has(key)) return true;
  if (kind === "receipt" || kind === "invoice") {
    if (key === "price" || key === "product" || key === "name" || key === "code") return true;
    if (key === "paid" || key === "tip") return has("paid", "method", "tip");
    if (key === "heading" || key === "underLogo") return true;
    return false;
  }
  if (moneyKeys.has(key) || key === "weight") return /\d/.test(text);
  if (
    key === "date" ||
    key === "dueDate" ||
    key === "time" ||
    key === "phone" ||
    key === "card" ||
    key === "number" ||
    key === "code"
  )
    return /\d/.test(text);
  if (key === "email") return text.includes("@");
  if (key === "website") return /\w\.\w/.test(text);
  if (key === "signature" || key === "tip") return false;
  // Names, streets and headings: any words might be one.
  return true;
}

const absent: Asker = (random, scene) => {
  // A form's empty field: the label is there, the value is not.
  const empty = scene.fields.filter((field) => field.key.startsWith("empty:"));
  if (empty.length > 0 && chance(random, 0.5))
    return { question: labelQuestion(random, pick(random, empty).key.slice(6)), answer: NOT_SHOWN, task: "absent" };
  const items = itemsOf(scene);
  if (items.length > 0 && chance(random, 0.25)) {
    const name = itemName(random);
    const printed = scene.lines.map((line) => line.text.toLowerCase()).join("\n");
    if (
      !name
        .toLowerCase()
        .split(" ")
        .some((word) => printed.includes(word))
    ) {
      return { question: fill(pick(random, itemPricePhrasings), { name }), answer: NOT_SHOWN, task: "absent" };
    }
  }
  const keys = Object.keys(fieldPhrasings).filter((key) => !plausible(key, scene));
  if (keys.length > 0)
    return { question: pick(random, fieldPhrasings[pick(random, keys)]), answer: NOT_SHOWN, task: "absent" };
  const beyond = scene.lines.length + integer(random, 1, 6);
  return { question: fill(pick(random, nthLinePhrasings), nth(random, beyond)), answer: NOT_SHOWN, task: "absent" };
};

const askers = { readAll, namedField, labelledField, oneItem, itemList, placeOfText, textInPlace, oneLine };

const mixes: Readonly<Record<"line" | "text" | "sale" | "form", Readonly<Record<keyof typeof askers, number>>>> = {
  line: {
    readAll: 12,
    namedField: 2,
    labelledField: 0,
    oneItem: 0,
    itemList: 0,
    placeOfText: 0.5,
    textInPlace: 0.5,
    oneLine: 0,
  },
  text: {
    readAll: 3,
    namedField: 3,
    labelledField: 0,
    oneItem: 0,
    itemList: 0,
    placeOfText: 1,
    textInPlace: 1,
    oneLine: 2,
  },
  form: {
    readAll: 1,
    namedField: 2,
    labelledField: 6,
    oneItem: 0,
    itemList: 0,
    placeOfText: 1,
    textInPlace: 1,
    oneLine: 1,
  },
  sale: {
    readAll: 1,
    namedField: 7,
    labelledField: 0,
    oneItem: 4,
    itemList: 1.5,
    placeOfText: 1,
    textInPlace: 1,
    oneLine: 0.7,
  },
};

const mixOf: Readonly<Partial<Record<Kind, keyof typeof mixes>>> = {
  line: "line",
  receipt: "sale",
  invoice: "sale",
  form: "form",
  label: "form",
};

/** Any question at all, for pictures whose answer does not depend on it. */
function anyQuestion(random: Random): string {
  if (chance(random, 0.4)) return pick(random, readPhrasings);
  if (chance(random, 0.2)) return pick(random, itemsPhrasings);
  return pick(random, Object.values(fieldPhrasings).flat());
}

/** Questions with exact answers about one picture; no question twice. */
export function ask(random: Random, scene: Asked, count: readonly [number, number]): Turn[] {
  const wanted = integer(random, ...count);
  if (scene.kind === "unrelated")
    return distinct(wanted, () => ({
      question: chance(random, 0.3) ? pick(random, outOfScopePhrasings) : anyQuestion(random),
      answer: REFUSAL,
      task: "refuse",
    }));
  if (scene.kind === "blank" || scene.lines.length === 0)
    return distinct(wanted, () => ({ question: anyQuestion(random), answer: NOT_SHOWN, task: "absent" }));
  const mix = mixes[mixOf[scene.kind] ?? "text"];
  const turns: Turn[] = [];
  for (let i = 0; i < wanted; i++) {
    // The class is drawn once and kept over redraws, or the scarce classes would lose to the ones with many phrasings.
    const draw = classOf(random);
    for (let tries = 0; tries < 8; tries++) {
      const turn = draw === undefined ? askers[weighted(random, mix)](random, scene) : draw(random, scene);
      if (turn === undefined || isRepeated(turns, turn)) continue;
      turns.push(turn);
      break;
    }
  }
  return turns;
}

const outOfScope: Asker = (random) => ({
  question: pick(random, outOfScopePhrasings),
  answer: REFUSAL,
  task: "refuse",
});

function classOf(random: Random): Asker | undefined {
  const u = random.next();
  if (u < OUT_OF_SCOPE) return outOfScope;
  return u < OUT_OF_SCOPE + UNANSWERABLE ? absent : undefined;
}

/** One picture is not read twice, nor asked the same. */
function isRepeated(turns: readonly Turn[], turn: Turn): boolean {
  return turns.some((known) => known.question === turn.question || (known.task === "read" && turn.task === "read"));
}

function distinct(count: number, draw: () => Turn): Turn[] {
  const turns: Turn[] = [];
  for (let tries = 0; turns.length < count && tries < count * 6; tries++) {
    const turn = draw();
    if (!isRepeated(turns, turn)) turns.push(turn);
  }
  return turns;
}
